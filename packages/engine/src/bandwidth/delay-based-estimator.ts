import { AimdRateControl } from "./aimd-rate-control.ts";
import type { FeedbackBatch } from "./feedback-batch.ts";
import { InterArrivalDelta } from "./inter-arrival-delta.ts";
import { NO_PROBE } from "./sent-packet-history.ts";
import { BandwidthUsage, TrendlineEstimator } from "./trendline-estimator.ts";

const TIMEOUT_US = 2_000_000;

/** What a feedback message changed. */
export const DelayUpdate = { NONE: 0, UPDATED: 1, BY_PROBE: 2 } as const;
export type DelayUpdate = (typeof DelayUpdate)[keyof typeof DelayUpdate];

/** The rate that the delay allows (libwebrtc's DelayBasedBwe). */
export class DelayBasedEstimator {
  readonly rateControl: AimdRateControl;
  readonly detector = new TrendlineEstimator();
  /** Set by `update` where an underuse, a queue that drains, has ended. */
  recovered = false;
  /** Overuses that lowered the rate. */
  decreases = 0;

  readonly #interArrival = new InterArrivalDelta();
  #lastUs = Number.NEGATIVE_INFINITY;
  #queueUsage: BandwidthUsage = BandwidthUsage.NORMAL;

  constructor(minBps: number) {
    this.rateControl = new AimdRateControl(minBps);
  }

  /** What the delay's trend says, or, where that is normal, what its level does. */
  get usage(): BandwidthUsage {
    return this.detector.usage === BandwidthUsage.NORMAL ? this.#queueUsage : this.detector.usage;
  }

  /** A probe has filled the path: the queue that it leaves is no overuse. */
  onProbeQueue(): void {
    this.#interArrival.reset();
    this.detector.restart();
  }

  /** `queueUsage` is what the level of the delay says. `acknowledgedBps` and `probeBps` are -1 where there is none. */
  update(
    batch: FeedbackBatch,
    queueUsage: BandwidthUsage,
    acknowledgedBps: number,
    probeBps: number,
    nowUs: number,
  ): DelayUpdate {
    this.#queueUsage = queueUsage;
    this.recovered = false;
    if (batch.receivedCount === 0) return DelayUpdate.NONE;
    if (nowUs - this.#lastUs > TIMEOUT_US) {
      this.#interArrival.reset();
      this.detector.reset();
    }
    this.#lastUs = nowUs;
    let recovered = false;
    for (let i = 0; i < batch.receivedCount; i++) {
      if (batch.probeCluster[i] !== NO_PROBE) continue;
      const before = this.detector.usage;
      const arrivalUs = batch.arrivalUs[i];
      const interArrival = this.#interArrival;
      if (!interArrival.add(batch.sentUs[i], arrivalUs, nowUs)) continue;
      this.detector.update(interArrival.arrivalDeltaUs, interArrival.sentDeltaUs, arrivalUs);
      if (before === BandwidthUsage.UNDERUSING && this.detector.usage === BandwidthUsage.NORMAL) recovered = true;
    }
    if (this.usage === BandwidthUsage.OVERUSING) return this.#overuse(acknowledgedBps, nowUs);
    if (probeBps >= 0) {
      this.rateControl.set(probeBps, nowUs);
      return DelayUpdate.BY_PROBE;
    }
    this.recovered = recovered;
    this.rateControl.update(this.usage, acknowledgedBps, nowUs);
    return this.rateControl.known ? DelayUpdate.UPDATED : DelayUpdate.NONE;
  }

  #overuse(acknowledgedBps: number, nowUs: number): DelayUpdate {
    const control = this.rateControl;
    if (!control.mayReduce(acknowledgedBps, nowUs)) return DelayUpdate.NONE;
    if (acknowledgedBps >= 0) control.update(BandwidthUsage.OVERUSING, acknowledgedBps, nowUs);
    else if (control.known) control.set(control.rateBps / 2, nowUs);
    else return DelayUpdate.NONE;
    this.decreases++;
    return DelayUpdate.UPDATED;
  }
}
