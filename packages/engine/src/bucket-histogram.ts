/** Samples by bucket, for scrapes. Bounds are the metric's business. */
export interface HistogramCounts {
  /** One for each upper bound, and one for what lies above all. Not cumulative. Empty where nothing was ever counted. */
  readonly counts: readonly number[];
  readonly sum: number;
}

/** Counts samples by upper bound. Adding is a few compares and an increment in a typed array. */
export class BucketHistogram {
  readonly #bounds: Float64Array;
  readonly #counts: Float64Array;
  readonly #sum = new Float64Array(1);

  /** @param bounds ascending; a sample falls into the first bucket whose bound it does not exceed. */
  constructor(bounds: readonly number[]) {
    this.#bounds = Float64Array.from(bounds);
    this.#counts = new Float64Array(bounds.length + 1);
  }

  add(sample: number): void {
    const bounds = this.#bounds;
    let i = 0;
    while (i < bounds.length && sample > bounds[i]) i++;
    this.#counts[i]++;
    this.#sum[0] += sample;
  }

  /** A fresh copy. */
  snapshot(): HistogramCounts {
    return { counts: [...this.#counts], sum: this.#sum[0] };
  }
}
