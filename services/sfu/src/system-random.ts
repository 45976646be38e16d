import { getRandomValues, randomUUID } from "node:crypto";
import type { Random } from "@cation/engine/random";

const BUFFERED_WORDS = 256;

/** Randomness of the operating system, fetched in blocks. */
export class SystemRandom implements Random {
  readonly #words = new Uint32Array(BUFFERED_WORDS);
  #next = BUFFERED_WORDS;

  nextUint32(): number {
    if (this.#next === BUFFERED_WORDS) {
      getRandomValues(this.#words);
      this.#next = 0;
    }
    return this.#words[this.#next++];
  }
}

/** A track id, unique in the cluster (122 random bits). */
export function createTrackId(): string {
  return `TR_${randomUUID().replaceAll("-", "")}`;
}
