import type { FeedbackBatch } from "./feedback-batch.ts";

const MAX_PACKETS = 512;
const MASK = MAX_PACKETS - 1;
const WINDOW_PACKETS = 20;
const REQUIRED_PACKETS = 10;
const MIN_WINDOW_US = 1_000_000;
const MAX_WINDOW_US = 5_000_000;
const MAX_REORDERING_US = 1_000_000;
const RECENT_US = 300_000;

/**
 * Throughput that the receiver acknowledged, over about a second: the lower of the rates of sending and of arrival, the largest
 * gap between arrivals taken for a stop of the network (libwebrtc's RobustThroughputEstimator).
 */
export class AcknowledgedBitrateEstimator {
  /** Bits a second; -1 while too little has arrived. */
  rateBps = -1;
  /** Of the arrivals of the last 300 ms: while packets wait on the way, this is what the path carries. -1 while too little is known. */
  recentBps = -1;

  readonly #sentUs = new Float64Array(MAX_PACKETS);
  readonly #arrivalUs = new Float64Array(MAX_PACKETS);
  readonly #bytes = new Uint16Array(MAX_PACKETS);
  /** Running numbers of the oldest packet and of the one after the newest. */
  #first = 0;
  #end = 0;
  #discardedSentUs = Number.NEGATIVE_INFINITY;

  update(batch: FeedbackBatch): void {
    for (let i = 0; i < batch.receivedCount; i++) this.#insert(batch.sentUs[i], batch.arrivalUs[i], batch.bytes[i]);
    while (this.#firstIsOutside()) this.#discard();
    this.rateBps = this.#measure();
    this.recentBps = this.#measureRecent();
  }

  reset(): void {
    this.#first = this.#end;
    this.#discardedSentUs = Number.NEGATIVE_INFINITY;
    this.rateBps = -1;
    this.recentBps = -1;
  }

  #insert(sentUs: number, arrivalUs: number, bytes: number): void {
    const newestUs = this.#first === this.#end ? arrivalUs : this.#arrivalUs[(this.#end - 1) & MASK];
    if (newestUs - arrivalUs > MAX_REORDERING_US) this.reset();
    if (this.#end - this.#first === MAX_PACKETS) this.#discard();
    let at = this.#end++;
    for (; at > this.#first && this.#arrivalUs[(at - 1) & MASK] > arrivalUs; at--) {
      const to = at & MASK;
      const from = (at - 1) & MASK;
      this.#sentUs[to] = this.#sentUs[from];
      this.#arrivalUs[to] = this.#arrivalUs[from];
      this.#bytes[to] = this.#bytes[from];
    }
    this.#sentUs[at & MASK] = sentUs;
    this.#arrivalUs[at & MASK] = arrivalUs;
    this.#bytes[at & MASK] = bytes;
  }

  #discard(): void {
    const sentUs = this.#sentUs[this.#first & MASK];
    if (sentUs > this.#discardedSentUs) this.#discardedSentUs = sentUs;
    this.#first++;
  }

  #firstIsOutside(): boolean {
    const count = this.#end - this.#first;
    if (count === 0) return false;
    const durationUs = this.#arrivalUs[(this.#end - 1) & MASK] - this.#arrivalUs[this.#first & MASK];
    return durationUs > MAX_WINDOW_US || (count > WINDOW_PACKETS && durationUs > MIN_WINDOW_US);
  }

  #measureRecent(): number {
    const end = this.#end;
    if (end - this.#first < REQUIRED_PACKETS) return -1;
    const lastUs = this.#arrivalUs[(end - 1) & MASK];
    let bytes = 0;
    let n = end - 1;
    for (; n > this.#first && lastUs - this.#arrivalUs[(n - 1) & MASK] <= RECENT_US; n--)
      bytes += this.#bytes[n & MASK];
    const spanUs = lastUs - this.#arrivalUs[n & MASK];
    return end - n < REQUIRED_PACKETS || spanUs < RECENT_US / 2 ? -1 : rateBps(bytes, spanUs);
  }

  #measure(): number {
    const count = this.#end - this.#first;
    if (count < REQUIRED_PACKETS) return -1;
    let largestGapUs = 0;
    let secondGapUs = 0;
    let previousUs = this.#arrivalUs[this.#first & MASK];
    let arrivedBytes = 0;
    let sentBytes = 0;
    let sentCount = 0;
    let firstSentUs = Number.POSITIVE_INFINITY;
    let lastSentUs = Number.NEGATIVE_INFINITY;
    let lastSentBytes = 0;
    for (let n = this.#first; n < this.#end; n++) {
      const i = n & MASK;
      const gapUs = this.#arrivalUs[i] - previousUs;
      previousUs = this.#arrivalUs[i];
      if (gapUs > largestGapUs) {
        secondGapUs = largestGapUs;
        largestGapUs = gapUs;
      } else if (gapUs > secondGapUs) {
        secondGapUs = gapUs;
      }
      const bytes = this.#bytes[i];
      arrivedBytes += bytes;
      const sentUs = this.#sentUs[i];
      // Overtaken by packets that have left the window: its sending would stretch the time.
      if (sentUs < this.#discardedSentUs) continue;
      if (sentUs > lastSentUs) {
        lastSentUs = sentUs;
        lastSentBytes = bytes;
      }
      if (sentUs < firstSentUs) firstSentUs = sentUs;
      sentBytes += bytes;
      sentCount++;
    }
    // n packets span n-1 intervals: the first to arrive and the last to be sent took their time outside of them.
    arrivedBytes -= this.#bytes[this.#first & MASK];
    const spanUs = previousUs - this.#arrivalUs[this.#first & MASK] - largestGapUs + secondGapUs;
    const arrivalBps = rateBps(arrivedBytes, spanUs);
    if (sentCount < REQUIRED_PACKETS) return arrivalBps;
    return Math.min(arrivalBps, rateBps(sentBytes - lastSentBytes, lastSentUs - firstSentUs));
  }
}

function rateBps(bytes: number, durationUs: number): number {
  return (bytes * 8_000_000) / Math.max(1_000, durationUs);
}
