import { MAX_INPUT_BYTES, Mutator } from "./mutator.ts";
import { REFUSED } from "./fuzz-target.ts";
import type { FuzzTarget } from "./fuzz-target.ts";

const MARGIN_BYTES = 64;

/** An input on which a parser broke its word. */
export interface Finding {
  readonly input: Uint8Array;
  /** Number of the input in its run. */
  readonly run: number;
  readonly error: unknown;
}

/**
 * Feeds a parser. Each input is read twice, once among zeros and once among ones: it must neither throw nor notice the
 * difference.
 */
export class Fuzzer {
  /** Inputs that the parser took for valid. */
  accepted = 0;
  /** Inputs so far. */
  runs = 0;

  readonly #target: FuzzTarget;
  readonly #mutator: Mutator;
  readonly #zeros = new Uint8Array(MAX_INPUT_BYTES + 2 * MARGIN_BYTES).fill(0x00);
  readonly #ones = new Uint8Array(MAX_INPUT_BYTES + 2 * MARGIN_BYTES).fill(0xff);
  #lastLength = 0;

  constructor(target: FuzzTarget, seed: number) {
    this.#target = target;
    this.#mutator = new Mutator(seed, target.seeds);
  }

  /** Feeds `count` inputs; stops at the first finding. */
  feed(count: number): Finding | undefined {
    for (let i = 0; i < count; i++) {
      const length = this.#mutator.next(this.#zeros, MARGIN_BYTES);
      const end = MARGIN_BYTES + length;
      for (let j = MARGIN_BYTES; j < end; j++) this.#ones[j] = this.#zeros[j];
      this.#clearBehind(length);
      const finding = this.#read(length);
      if (finding !== undefined) return finding;
      this.runs++;
    }
    return undefined;
  }

  /** Feeds one given input. */
  replay(input: Uint8Array): Finding | undefined {
    this.#zeros.fill(0x00).set(input, MARGIN_BYTES);
    this.#ones.fill(0xff).set(input, MARGIN_BYTES);
    this.#lastLength = MAX_INPUT_BYTES;
    return this.#read(input.length);
  }

  #read(length: number): Finding | undefined {
    try {
      const first = this.#target.read(this.#zeros, MARGIN_BYTES, length);
      const second = this.#target.read(this.#ones, MARGIN_BYTES, length);
      if (first !== second) throw new Error("reads bytes around the input");
      if (first !== REFUSED) this.accepted++;
      return undefined;
    } catch (error) {
      return { input: this.#zeros.slice(MARGIN_BYTES, MARGIN_BYTES + length), run: this.runs, error };
    }
  }

  /** What longer inputs left behind becomes surroundings again; mutations scribble there, too. */
  #clearBehind(length: number): void {
    const until = Math.min(this.#zeros.length, MARGIN_BYTES + Math.max(length, this.#lastLength) + 2 * MARGIN_BYTES);
    this.#zeros.fill(0x00, MARGIN_BYTES + length, until);
    this.#ones.fill(0xff, MARGIN_BYTES + length, until);
    this.#lastLength = length;
  }
}
