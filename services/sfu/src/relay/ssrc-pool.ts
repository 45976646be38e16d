import type { Random } from "@cation/engine/random";

/**
 * The ssrcs of what one end of a transport sends: random, none twice at the same time, never 0. Where only so many may be
 * used at all, those given back are used again, the oldest first: the engine goes on with their numbers.
 */
export class SsrcPool {
  readonly #random: Random;
  readonly #limit: number;
  readonly #used = new Set<number>();
  readonly #released = new Set<number>();

  constructor(random: Random, limit = Number.POSITIVE_INFINITY) {
    this.#random = random;
    this.#limit = limit;
  }

  /** Whether so many more can be had. */
  has(count: number): boolean {
    return this.#used.size + count <= this.#limit;
  }

  /** 0 where there is none left. */
  allocate(): number {
    if (this.#used.size + this.#released.size >= this.#limit) return this.#reuse();
    for (;;) {
      const ssrc = this.#random.nextUint32();
      if (ssrc === 0 || this.#used.has(ssrc) || this.#released.has(ssrc)) continue;
      this.#used.add(ssrc);
      return ssrc;
    }
  }

  release(ssrc: number): void {
    if (this.#used.delete(ssrc) && this.#limit < Number.POSITIVE_INFINITY) this.#released.add(ssrc);
  }

  #reuse(): number {
    const [oldest] = this.#released;
    if (oldest === undefined) return 0;
    this.#released.delete(oldest);
    this.#used.add(oldest);
    return oldest;
  }
}
