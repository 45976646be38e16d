const BUCKETS = 10;
const BUCKET_US = 100_000;

/** Lowest value of about the last second, in ten buckets of 100 ms. */
export class RecentMinimum {
  readonly #values = new Float64Array(BUCKETS).fill(Number.POSITIVE_INFINITY);
  #newest = -1;

  add(value: number, nowUs: number): void {
    const bucket = Math.floor(nowUs / BUCKET_US);
    const fresh = Math.min(BUCKETS, bucket - this.#newest);
    for (let i = 0; i < fresh; i++) this.#values[(bucket - i) % BUCKETS] = Number.POSITIVE_INFINITY;
    if (bucket > this.#newest) this.#newest = bucket;
    const index = this.#newest % BUCKETS;
    if (value < this.#values[index]) this.#values[index] = value;
  }

  /** Infinite where nothing was added. */
  get lowest(): number {
    let lowest = Number.POSITIVE_INFINITY;
    for (let i = 0; i < BUCKETS; i++) {
      if (this.#values[i] < lowest) lowest = this.#values[i];
    }
    return lowest;
  }

  clear(): void {
    this.#values.fill(Number.POSITIVE_INFINITY);
  }
}
