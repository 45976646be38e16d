import type { FeedbackBatch } from "./feedback-batch.ts";
import { BandwidthUsage } from "./trendline-estimator.ts";

/** The lowest delay is sought over one to two of these. */
const WINDOW_US = 10_000_000;
const USUAL_WEIGHT = 0.01;
/** A queue that grows must not become usual. */
const RISE_WEIGHT = 0.003;
const MAX_HOLD_US = 80_000;
const SPREAD_WEIGHT = 0.05;
const HOLD_US = 20_000;
/** Until it is known better, the delay may vary by this. */
const INITIAL_DEVIATION_US = 60_000;
const DEVIATIONS = 2;

/**
 * How long packets wait on the way: the lowest one-way delay of a feedback message above the lowest of the last 10 to 20 s. Clocks
 * need not agree.
 */
export class QueueDelayEstimator {
  queueDelayUs = 0;
  /** What is usual while nothing is overused: jitter. */
  #usualUs = 0;
  #deviationUs = INITIAL_DEVIATION_US;
  /** How far the delays of one message lie apart, smoothed: jitter, and our own bursts. */
  spreadUs = 0;

  #windowStartUs = Number.NEGATIVE_INFINITY;
  #currentUs = Number.POSITIVE_INFINITY;
  #previousUs = Number.POSITIVE_INFINITY;

  /** `calm` while the path is not overused, and no queue drains. */
  update(batch: FeedbackBatch, calm: boolean, nowUs: number): void {
    if (batch.receivedCount === 0) return;
    let lowestUs = Number.POSITIVE_INFINITY;
    let highestUs = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < batch.receivedCount; i++) {
      const delayUs = batch.arrivalUs[i] - batch.sentUs[i];
      if (delayUs < lowestUs) lowestUs = delayUs;
      if (delayUs > highestUs) highestUs = delayUs;
    }
    if (nowUs - this.#windowStartUs > WINDOW_US) {
      this.#windowStartUs = nowUs;
      this.#previousUs = this.#currentUs;
      this.#currentUs = lowestUs;
    } else if (lowestUs < this.#currentUs) {
      this.#currentUs = lowestUs;
    }
    this.queueDelayUs = lowestUs - Math.min(this.#currentUs, this.#previousUs);
    this.spreadUs += SPREAD_WEIGHT * (highestUs - lowestUs - this.spreadUs);
    if (!calm) return;
    const errorUs = this.queueDelayUs - this.#usualUs;
    this.#usualUs += (errorUs > 0 ? RISE_WEIGHT : USUAL_WEIGHT) * errorUs;
    this.#deviationUs += USUAL_WEIGHT * (Math.abs(errorUs) - this.#deviationUs);
  }

  /** What the queue alone says: hold from 20 ms on, overused from 40 ms on; more where the delay varies by itself. */
  get usage(): BandwidthUsage {
    const holdUs = Math.min(MAX_HOLD_US, Math.max(HOLD_US, DEVIATIONS * this.#deviationUs));
    if (this.excessUs > 2 * holdUs) return BandwidthUsage.OVERUSING;
    return this.excessUs > holdUs ? BandwidthUsage.UNDERUSING : BandwidthUsage.NORMAL;
  }

  /** The part of it that is not usual. */
  get excessUs(): number {
    return Math.max(0, this.queueDelayUs - this.#usualUs);
  }

  /** The path is another one: the delay of now is the lowest. */
  reset(): void {
    this.queueDelayUs = 0;
    this.#windowStartUs = Number.NEGATIVE_INFINITY;
    this.#currentUs = Number.POSITIVE_INFINITY;
  }
}
