/** What the delay says of the path. */
export const BandwidthUsage = { NORMAL: 0, UNDERUSING: 1, OVERUSING: 2 } as const;
export type BandwidthUsage = (typeof BandwidthUsage)[keyof typeof BandwidthUsage];

const WINDOW = 20;
const SMOOTHING = 0.9;
const GAIN = 4;
const MIN_DELTAS = 60;
const MAX_DELTAS = 1000;
const INITIAL_THRESHOLD = 12.5;
const MIN_THRESHOLD = 6;
const MAX_THRESHOLD = 600;
const GAIN_UP = 0.0087;
const GAIN_DOWN = 0.039;
const MAX_ADAPT_OFFSET = 15;
const MAX_ADAPT_MS = 100;
const OVERUSE_MS = 10;

/**
 * Fits a line to the smoothed queueing delay of the last 20 groups and compares its slope with a threshold that adapts
 * (libwebrtc's TrendlineEstimator; Carlucci et al., "Analysis and Design of the Google Congestion Control for WebRTC").
 */
export class TrendlineEstimator {
  usage: BandwidthUsage = BandwidthUsage.NORMAL;
  /** The slope, as it is compared, and what with. */
  modifiedTrend = 0;
  threshold = INITIAL_THRESHOLD;

  readonly #arrivalMs = new Float64Array(WINDOW);
  readonly #delayMs = new Float64Array(WINDOW);
  #count = 0;
  #next = 0;
  #deltas = 0;
  #firstArrivalUs = Number.NaN;
  #accumulatedMs = 0;
  #smoothedMs = 0;
  #trend = 0;
  #lastUpdateMs = Number.NaN;
  #overusingMs = -1;
  #overuses = 0;

  /** Takes the deltas of a group that was complete at `arrivalUs`. */
  update(arrivalDeltaUs: number, sentDeltaUs: number, arrivalUs: number): void {
    if (this.#deltas < MAX_DELTAS) this.#deltas++;
    if (Number.isNaN(this.#firstArrivalUs)) this.#firstArrivalUs = arrivalUs;
    this.#accumulatedMs += (arrivalDeltaUs - sentDeltaUs) / 1_000;
    this.#smoothedMs = SMOOTHING * this.#smoothedMs + (1 - SMOOTHING) * this.#accumulatedMs;

    const arrivalMs = (arrivalUs - this.#firstArrivalUs) / 1_000;
    this.#arrivalMs[this.#next] = arrivalMs;
    this.#delayMs[this.#next] = this.#smoothedMs;
    this.#next = (this.#next + 1) % WINDOW;
    if (this.#count < WINDOW) this.#count++;
    const trend = this.#count === WINDOW ? this.#slope() : this.#trend;
    this.#detect(trend, sentDeltaUs / 1_000, arrivalMs);
  }

  /** Forgets all. */
  reset(): void {
    this.restart();
    this.threshold = INITIAL_THRESHOLD;
    this.#deltas = 0;
    this.#firstArrivalUs = Number.NaN;
    this.#lastUpdateMs = Number.NaN;
  }

  /** Forgets the delays, not what was learnt of the path. */
  restart(): void {
    this.usage = BandwidthUsage.NORMAL;
    this.modifiedTrend = 0;
    this.#count = 0;
    this.#next = 0;
    this.#accumulatedMs = 0;
    this.#smoothedMs = 0;
    this.#trend = 0;
    this.#overusingMs = -1;
    this.#overuses = 0;
  }

  /** Least squares; the last slope where all arrived at once. */
  #slope(): number {
    let sumX = 0;
    let sumY = 0;
    for (let i = 0; i < WINDOW; i++) {
      sumX += this.#arrivalMs[i];
      sumY += this.#delayMs[i];
    }
    const meanX = sumX / WINDOW;
    const meanY = sumY / WINDOW;
    let numerator = 0;
    let denominator = 0;
    for (let i = 0; i < WINDOW; i++) {
      const x = this.#arrivalMs[i] - meanX;
      numerator += x * (this.#delayMs[i] - meanY);
      denominator += x * x;
    }
    return denominator === 0 ? this.#trend : numerator / denominator;
  }

  #detect(trend: number, sentDeltaMs: number, nowMs: number): void {
    if (this.#deltas < 2) return;
    this.modifiedTrend = Math.min(this.#deltas, MIN_DELTAS) * trend * GAIN;
    if (this.modifiedTrend > this.threshold) {
      // The first time, half of the time since the last group is taken as overuse.
      this.#overusingMs = this.#overusingMs < 0 ? sentDeltaMs / 2 : this.#overusingMs + sentDeltaMs;
      this.#overuses++;
      if (this.#overusingMs > OVERUSE_MS && this.#overuses > 1 && trend >= this.#trend) {
        this.#overusingMs = 0;
        this.#overuses = 0;
        this.usage = BandwidthUsage.OVERUSING;
      }
    } else {
      this.#overusingMs = -1;
      this.#overuses = 0;
      this.usage = this.modifiedTrend < -this.threshold ? BandwidthUsage.UNDERUSING : BandwidthUsage.NORMAL;
    }
    this.#trend = trend;
    this.#adapt(nowMs);
  }

  #adapt(nowMs: number): void {
    if (Number.isNaN(this.#lastUpdateMs)) this.#lastUpdateMs = nowMs;
    const magnitude = Math.abs(this.modifiedTrend);
    // A sudden large delay, as of a capacity that fell, must not raise the threshold.
    if (magnitude <= this.threshold + MAX_ADAPT_OFFSET) {
      const gain = magnitude < this.threshold ? GAIN_DOWN : GAIN_UP;
      const elapsedMs = Math.min(nowMs - this.#lastUpdateMs, MAX_ADAPT_MS);
      const adapted = this.threshold + gain * (magnitude - this.threshold) * elapsedMs;
      this.threshold = Math.min(MAX_THRESHOLD, Math.max(MIN_THRESHOLD, adapted));
    }
    this.#lastUpdateMs = nowMs;
  }
}
