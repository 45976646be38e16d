/** A token bucket: `burst` at once, `perSecond` on average. Time comes by argument. */
export class RateLimiter {
  readonly #perMs: number;
  readonly #burst: number;
  #available: number;
  #updatedMs: number;

  constructor(perSecond: number, burst: number, nowMs: number) {
    this.#perMs = perSecond / 1000;
    this.#burst = burst;
    this.#available = burst;
    this.#updatedMs = nowMs;
  }

  /** Takes `cost` out of the bucket, or nothing and answers false when there is less in it. */
  take(cost: number, nowMs: number): boolean {
    const refill = Math.max(0, nowMs - this.#updatedMs) * this.#perMs;
    this.#available = Math.min(this.#burst, this.#available + refill);
    this.#updatedMs = nowMs;
    if (this.#available < cost) return false;
    this.#available -= cost;
    return true;
  }
}
