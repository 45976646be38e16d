import type { MonoUs } from "@cation/rtp/units";

/** A rate with a burst, on a clock given from outside. */
export class TokenBucket {
  readonly #perSecond: number;
  readonly #burst: number;
  #tokens: number;
  #lastUs = 0;

  constructor(perSecond: number, burst: number) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#tokens = burst;
  }

  /** Takes one token; false when there is none. */
  take(nowUs: MonoUs): boolean {
    const elapsedUs = Math.max(0, nowUs - this.#lastUs);
    this.#lastUs = Math.max(this.#lastUs, nowUs);
    this.#tokens = Math.min(this.#burst, this.#tokens + (elapsedUs * this.#perSecond) / 1_000_000);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
