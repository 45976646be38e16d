/** Delays in microseconds, counted in buckets of 1 us up to 1 s. Adding allocates nothing. */
export class DelayHistogram {
  private readonly buckets = new Uint32Array(1_000_001);
  private total = 0;

  add(delayUs: number): void {
    const bucket = delayUs < 0 ? 0 : delayUs > 1_000_000 ? 1_000_000 : delayUs | 0;
    this.buckets[bucket]!++;
    this.total++;
  }

  /** `q` 0 … 1; microseconds. */
  quantileUs(q: number): number {
    let seen = 0;
    const want = q * this.total;
    for (let us = 0; us < this.buckets.length; us++) {
      seen += this.buckets[us]!;
      if (seen > want) return us;
    }
    return 0;
  }

  clear(): void {
    this.buckets.fill(0);
    this.total = 0;
  }
}
