import type { FeedbackBatch } from "./feedback-batch.ts";
import { LossBasedEstimator, LossState } from "./loss-based-estimator.ts";
import { RecentMinimum } from "./recent-minimum.ts";
import { RttBackoff } from "./rtt-backoff.ts";

const START_PHASE_US = 2_000_000;
const DECREASE_INTERVAL_US = 300_000;
const REPORT_VALID_US = 6_000_000;
const LOW_LOSS = 0.02;
const HIGH_LOSS = 0.1;
const INCREASE = 1.08;
const INCREASE_EXTRA_BPS = 1_000;
const BACKOFF_INTERVAL_US = 1_000_000;
const BACKOFF_FRACTION = 0.8;
const BACKOFF_FLOOR_BPS = 5_000;

/**
 * Makes one rate of what delay, loss, the receiver's own estimate (REMB) and the round trip allow (libwebrtc's
 * SendSideBandwidthEstimation). With transport-wide feedback the loss goes through {@link LossBasedEstimator}; without, receiver
 * reports raise the rate by 8 % a second below 2 % of loss, and lower it by half the loss above 10 %.
 */
export class TargetRateControl {
  readonly loss: LossBasedEstimator;
  readonly backoff = new RttBackoff();
  /** Last reported share of lost packets, 0 … 1. */
  fractionLost = 0;
  lossState: LossState = LossState.DELAY_BASED;

  #targetBps: number;
  #minBps: number;
  #maxBps: number;
  #delayBps = Number.POSITIVE_INFINITY;
  #receiverBps = Number.POSITIVE_INFINITY;
  #rttUs = 0;
  #firstReportUs = Number.NaN;
  #reportUs = Number.NaN;
  #decreasedUs = Number.NEGATIVE_INFINITY;
  #decreasedSinceReport = false;
  readonly #recent = new RecentMinimum();

  constructor(startBps: number, minBps: number, maxBps: number) {
    this.#targetBps = startBps;
    this.#minBps = minBps;
    this.#maxBps = maxBps;
    this.loss = new LossBasedEstimator(minBps, maxBps);
  }

  get targetBps(): number {
    return Math.max(this.#minBps, Math.min(this.#targetBps, this.#receiverBps));
  }

  setMax(maxBps: number): void {
    this.#maxBps = maxBps;
    this.loss.setMax(maxBps);
    this.#limit(this.#targetBps);
  }

  /** The receiver's estimate; 0 for none. */
  setReceiverLimit(limitBps: number): void {
    this.#receiverBps = limitBps === 0 ? Number.POSITIVE_INFINITY : limitBps;
  }

  /** A probe has measured the path. */
  setByProbe(rateBps: number): void {
    this.#delayBps = Number.POSITIVE_INFINITY;
    this.#limit(rateBps);
    this.#recent.clear();
  }

  setDelayBased(rateBps: number): void {
    this.#delayBps = rateBps;
    this.#limit(this.#targetBps);
  }

  onFeedback(batch: FeedbackBatch, inAlr: boolean, nowUs: number): void {
    this.loss.update(batch, this.#delayBps, inAlr);
    this.update(nowUs);
  }

  /** Loss in the time since the last report, 0 … 1; `rttUs` 0 where it is not known. */
  onReport(fractionLost: number, rttUs: number, nowUs: number): void {
    if (rttUs > 0) this.#rttUs = rttUs;
    this.fractionLost = fractionLost;
    this.#reportUs = nowUs;
    if (Number.isNaN(this.#firstReportUs)) this.#firstReportUs = nowUs;
    this.#decreasedSinceReport = false;
    this.update(nowUs);
  }

  /** Call on each report and regularly. */
  update(nowUs: number): void {
    if (this.backoff.exceeded) {
      this.#backOff(nowUs);
      return;
    }
    if (this.fractionLost === 0 && this.#inStartPhase(nowUs) && !this.loss.ready) {
      // Others are believed at the start, so that the first probes count.
      let trustedBps = this.#targetBps;
      if (Number.isFinite(this.#receiverBps)) trustedBps = Math.max(trustedBps, this.#receiverBps);
      if (Number.isFinite(this.#delayBps)) trustedBps = Math.max(trustedBps, this.#delayBps);
      if (trustedBps !== this.#targetBps) {
        this.#recent.clear();
        this.#recent.add(this.#targetBps, nowUs);
        this.#limit(trustedBps);
        return;
      }
    }
    this.#recent.add(this.#targetBps, nowUs);
    if (Number.isNaN(this.#reportUs)) {
      this.#limit(this.#targetBps);
    } else if (this.loss.ready) {
      this.lossState = this.loss.state;
      this.#limit(Math.min(this.loss.estimateBps, this.#delayBps));
    } else {
      this.#limit(this.#byReports(nowUs));
    }
  }

  #inStartPhase(nowUs: number): boolean {
    return Number.isNaN(this.#firstReportUs) || nowUs - this.#firstReportUs < START_PHASE_US;
  }

  #byReports(nowUs: number): number {
    if (nowUs - this.#reportUs >= REPORT_VALID_US) return this.#targetBps;
    // The minimum of the last second lets it rise on the first good report, not a second after it.
    if (this.fractionLost <= LOW_LOSS) return this.#recent.lowest * INCREASE + INCREASE_EXTRA_BPS;
    if (this.fractionLost <= HIGH_LOSS || this.#decreasedSinceReport) return this.#targetBps;
    if (nowUs - this.#decreasedUs < DECREASE_INTERVAL_US + this.#rttUs) return this.#targetBps;
    this.#decreasedUs = nowUs;
    this.#decreasedSinceReport = true;
    return this.#targetBps * (1 - this.fractionLost / 2);
  }

  #backOff(nowUs: number): void {
    const due = nowUs - this.#decreasedUs >= BACKOFF_INTERVAL_US && this.#targetBps > BACKOFF_FLOOR_BPS;
    if (!due) return;
    this.#decreasedUs = nowUs;
    this.#limit(Math.max(BACKOFF_FLOOR_BPS, this.#targetBps * BACKOFF_FRACTION));
  }

  #limit(rateBps: number): void {
    this.#targetBps = Math.max(this.#minBps, Math.min(rateBps, this.#delayBps, this.#maxBps));
  }
}
