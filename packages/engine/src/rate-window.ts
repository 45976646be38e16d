const BUCKETS = 10;
const BUCKET_US = 100_000;

/** Bits a second over the last second, in ten buckets of 100 ms. */
export class RateWindow {
  readonly #bytes = new Float64Array(BUCKETS);
  /** Number of the newest bucket since time 0. */
  #newest = -1;
  #first = -1;
  #sum = 0;

  add(bytes: number, nowUs: number): void {
    this.#roll(nowUs);
    this.#bytes[this.#newest % BUCKETS] += bytes;
    this.#sum += bytes;
  }

  /** Rate up to now; the first second is measured over what has passed of it. */
  bps(nowUs: number): number {
    if (this.#newest < 0) return 0;
    this.#roll(nowUs);
    const buckets = Math.min(BUCKETS, this.#newest - this.#first + 1);
    return (this.#sum * 8 * 1_000_000) / (buckets * BUCKET_US);
  }

  #roll(nowUs: number): void {
    const bucket = Math.floor(nowUs / BUCKET_US);
    if (bucket <= this.#newest) return;
    if (this.#newest < 0 || bucket - this.#newest >= BUCKETS) {
      this.#bytes.fill(0);
      this.#sum = 0;
      if (this.#newest < 0) this.#first = bucket;
    } else {
      for (let i = this.#newest + 1; i <= bucket; i++) {
        this.#sum -= this.#bytes[i % BUCKETS];
        this.#bytes[i % BUCKETS] = 0;
      }
    }
    this.#newest = bucket;
  }
}
