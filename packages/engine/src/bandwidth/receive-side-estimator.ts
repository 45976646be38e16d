import { absSendTimeDeltaUs } from "@cation/rtp/abs-send-time";
import { AcknowledgedBitrateEstimator } from "./acknowledged-bitrate-estimator.ts";
import { DelayBasedEstimator } from "./delay-based-estimator.ts";
import { FeedbackBatch } from "./feedback-batch.ts";
import { NO_PROBE } from "./sent-packet-history.ts";
import { BandwidthUsage } from "./trendline-estimator.ts";

/** Without send times the sender may go on rising by its receiver reports: this much above what arrives. */
const HEADROOM = 2;
const UNKNOWN = -1;
/** Packets of one update: at 250 ms more than 30 Mb/s. */
const BATCH_PACKETS = 1024;

/**
 * What a sender without transport-wide feedback may send, for REMB (draft-alvestrand-rmcat-remb-03): the delay-based half of the
 * estimator on the receiving side, by abs-send-time. Where packets carry none, a multiple of what arrives; then the sender goes
 * by the loss in receiver reports.
 */
export class ReceiveSideEstimator {
  readonly #batch = new FeedbackBatch(BATCH_PACKETS);
  readonly #delay: DelayBasedEstimator;
  readonly #acknowledged = new AcknowledgedBitrateEstimator();
  #sendTime = UNKNOWN;
  #sentUs = 0;
  #timed = false;

  constructor(minBps: number) {
    this.#delay = new DelayBasedEstimator(minBps);
  }

  /** `sendTime` is the abs-send-time (24 bits), -1 where the packet has none. */
  receive(sendTime: number, arrivalUs: number, bytes: number): void {
    if (this.#batch.full) return;
    if (sendTime >= 0) {
      if (this.#sendTime >= 0) this.#sentUs += absSendTimeDeltaUs(sendTime, this.#sendTime);
      this.#sendTime = sendTime;
      this.#timed = true;
    }
    this.#batch.insert(this.#timed ? this.#sentUs : arrivalUs, arrivalUs, bytes, NO_PROBE);
  }

  /** Takes what has come since the last call. Returns what to tell the sender, bits a second; -1 while that is not known. */
  update(rttUs: number, nowUs: number): number {
    const batch = this.#batch;
    if (batch.receivedCount > 0) {
      this.#acknowledged.update(batch);
      if (rttUs > 0) this.#delay.rateControl.rttUs = rttUs;
      this.#delay.update(batch, BandwidthUsage.NORMAL, this.#acknowledged.rateBps, -1, nowUs);
      batch.clear();
    }
    const arrivingBps = this.#acknowledged.rateBps;
    if (arrivingBps < 0) return -1;
    if (!this.#timed) return HEADROOM * arrivingBps;
    if (!this.#delay.rateControl.known) this.#delay.rateControl.start(HEADROOM * arrivingBps);
    return this.#delay.rateControl.rateBps;
  }
}
