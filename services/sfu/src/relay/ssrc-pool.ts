import type { Random } from "@cation/engine/random";

/** The ssrcs of what one end of a transport sends: random, none twice at the same time, never 0. */
export class SsrcPool {
  readonly #random: Random;
  readonly #used = new Set<number>();

  constructor(random: Random) {
    this.#random = random;
  }

  allocate(): number {
    for (;;) {
      const ssrc = this.#random.nextUint32();
      if (ssrc === 0 || this.#used.has(ssrc)) continue;
      this.#used.add(ssrc);
      return ssrc;
    }
  }

  release(ssrc: number): void {
    this.#used.delete(ssrc);
  }
}
