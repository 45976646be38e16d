import type { TransportFeedbackReader } from "@cation/rtp/rtcp-transport-feedback";
import type { SeqNum } from "@cation/rtp/units";
import { AcknowledgedBitrateEstimator } from "./acknowledged-bitrate-estimator.ts";
import { AlrDetector } from "./alr-detector.ts";
import { DelayBasedEstimator, DelayUpdate } from "./delay-based-estimator.ts";
import type { FeedbackBatch } from "./feedback-batch.ts";
import { LossState } from "./loss-based-estimator.ts";
import { ProbeBitrateEstimator } from "./probe-bitrate-estimator.ts";
import { LimitCause, ProbeController } from "./probe-controller.ts";
import type { ProbePlan } from "./probe-plan.ts";
import { QueueDelayEstimator } from "./queue-delay-estimator.ts";
import { SentPacketHistory } from "./sent-packet-history.ts";
import { TargetRateControl } from "./target-rate-control.ts";
import { TransportFeedbackAdapter } from "./transport-feedback-adapter.ts";
import type { FeedbackCounters } from "./transport-feedback-adapter.ts";
import { BandwidthUsage } from "./trendline-estimator.ts";

const POLL_US = 25_000;
const LOSS_INTERVAL_US = 1_000_000;
const RTT_MESSAGES = 32;
/** Little above the estimate: what waits, waits here and not on the path, where it would be taken for overuse. */
const PACING_FACTOR = 1.2;
/** Delays that lie further apart than this say nothing of a rate over 300 ms. */
const STEADY_SPREAD_US = 30_000;
const AMPLE_RATIO = 1.5;
/** A queue that an overuse left is drained at a lower rate: by all of it where packets wait this long. */
const DRAIN_FULL_US = 500_000;
const DRAIN_MIN_RATIO = 0.3;
const DRAIN_STOP_US = 15_000;
const DRAIN_MAX_US = 5_000_000;

/** Limits of the estimate, bits a second. */
export interface BandwidthConfig {
  readonly startBps: number;
  readonly minBps: number;
  readonly maxBps: number;
}

export const DEFAULT_BANDWIDTH: BandwidthConfig = { startBps: 600_000, minBps: 30_000, maxBps: 30_000_000 };

/** What statistics show of an estimator. */
export interface BandwidthState {
  readonly estimateBps: number;
  readonly targetBps: number;
  readonly delayBasedBps: number;
  /** Infinite where loss does not limit. */
  readonly lossBasedBps: number;
  readonly acknowledgedBps: number;
  readonly usage: "normal" | "underusing" | "overusing";
  readonly limitedBy: "delay" | "loss" | "receiver" | "rtt";
  readonly inAlr: boolean;
  readonly draining: boolean;
  readonly lossRatio: number;
  readonly rttUs: number;
  readonly queueDelayUs: number;
  readonly inFlightBytes: number;
  readonly overuses: number;
  readonly probes: number;
  readonly probeFailures: number;
  readonly feedback: Readonly<FeedbackCounters>;
}

/**
 * Estimates what a path carries, from transport-wide feedback, or, for clients without it, from REMB, loss and round trip. Google
 * congestion control as in libwebrtc (docs/bandwidth.md names the revision and the deviations). One a transport. Time comes as
 * an argument; nothing is allocated per packet.
 */
export class SendSideBandwidthEstimator {
  /** What the path carries: allocate by `targetBps`, show this. */
  estimateBps: number;
  /** What to send now: the estimate, lowered while a queue drains. */
  targetBps: number;
  /** Round trip without the time that feedback waited at the receiver; 0 before the first. */
  rttUs = 0;
  /** Share of lost packets over about the last second, 0 … 1. */
  lossRatio = 0;

  readonly #batch: FeedbackBatch;
  readonly #history = new SentPacketHistory();
  readonly #adapter = new TransportFeedbackAdapter(this.#history);
  readonly #acknowledged = new AcknowledgedBitrateEstimator();
  readonly #alr = new AlrDetector();
  readonly #queue = new QueueDelayEstimator();
  readonly #probeRate = new ProbeBitrateEstimator();
  readonly #probes: ProbeController;
  readonly #delay: DelayBasedEstimator;
  readonly #target: TargetRateControl;
  #feedbackSeen = false;
  #polledUs = Number.NEGATIVE_INFINITY;
  #drainingSinceUs = -1;
  #receiverLimitBps = Number.POSITIVE_INFINITY;
  readonly #rttsUs = new Float64Array(RTT_MESSAGES);
  #rttCount = 0;
  #lossWindowUs = Number.NEGATIVE_INFINITY;
  #expectedPackets = 0;
  #lostPackets = 0;
  #wantedBps = 0;
  #heard = false;

  /** `batch` is scratch memory, which all estimators of a thread may share. */
  constructor(config: BandwidthConfig, batch: FeedbackBatch) {
    const { startBps, minBps, maxBps } = config;
    this.#batch = batch;
    this.estimateBps = startBps;
    this.targetBps = startBps;
    this.#probes = new ProbeController(startBps, maxBps);
    this.#delay = new DelayBasedEstimator(minBps);
    this.#delay.rateControl.start(startBps);
    this.#target = new TargetRateControl(startBps, minBps, maxBps);
    this.#alr.setEstimate(startBps);
  }

  /** A packet with a transport-wide number has left, as its completion says. */
  onPacketSent(sequenceNumber: SeqNum, sentUs: number, bytes: number, probeCluster: number): void {
    this.#history.record(sequenceNumber, sentUs, bytes, probeCluster);
    this.onUntrackedSent(bytes, sentUs);
  }

  /** A packet is sent again as it was, its transport-wide number included (no RTX): feedback on it is not used. */
  onSentAgain(sequenceNumber: SeqNum): void {
    this.#history.forget(sequenceNumber);
  }

  /** A packet without a transport-wide number has left. */
  onUntrackedSent(bytes: number, sentUs: number): void {
    this.#alr.onSent(bytes, sentUs);
    this.#probes.setAlr(this.#alr.sinceUs, sentUs);
    // Silence means something only from a receiver that speaks.
    if (this.#heard) this.#target.backoff.onSent(sentUs);
  }

  /** Transport-wide feedback; `reader` stands at its start. */
  onFeedback(reader: TransportFeedbackReader, nowUs: number): void {
    const batch = this.#batch;
    if (!this.#adapter.read(reader, batch, nowUs)) return;
    this.#feedbackSeen = true;
    this.#heard = true;
    this.#measureRtt(nowUs);
    this.#measureLoss(nowUs);
    const calm = this.#delay.detector.usage === BandwidthUsage.NORMAL && this.#drainingSinceUs < 0;
    this.#queue.update(batch, calm, nowUs);
    this.#probes.spreadUs = this.#queue.spreadUs;
    this.#acknowledged.update(batch);
    this.#target.loss.setAcknowledged(this.#acknowledged.rateBps);
    const probeBps = this.#measureProbe();

    const decreases = this.#delay.decreases;
    this.#delay.rateControl.queued = this.#queue.usage !== BandwidthUsage.NORMAL;
    const queueUsage = this.#drainingSinceUs < 0 ? this.#queue.usage : BandwidthUsage.NORMAL;
    const update = this.#delay.update(batch, queueUsage, this.#throughputBps(), probeBps, nowUs);
    const delayBps = this.#delay.rateControl.rateBps;
    if (update === DelayUpdate.BY_PROBE) this.#target.setByProbe(delayBps);
    if (update !== DelayUpdate.NONE) this.#target.setDelayBased(delayBps);
    this.#target.onFeedback(batch, this.#alr.active, nowUs);
    this.#drain(this.#delay.decreases > decreases, nowUs);
    this.#publish(nowUs);
    if (this.#delay.recovered) this.#probes.onRecovered(nowUs);
  }

  /** Receiver report: share lost (0 … 1) since the last one; `rttUs` 0 where it is not known. Unused once feedback comes. */
  onReceiverReport(fractionLost: number, rttUs: number, nowUs: number): void {
    this.#heard = true;
    if (this.#feedbackSeen) return;
    if (rttUs > 0) this.rttUs = rttUs;
    this.lossRatio = fractionLost;
    this.#target.backoff.onReport(rttUs, nowUs);
    this.#target.onReport(fractionLost, rttUs, nowUs);
    this.#publish(nowUs);
  }

  /** The receiver's own estimate (draft-alvestrand-rmcat-remb-03); 0 for none. A cap where feedback comes, else followed. */
  onRemb(limitBps: number, nowUs: number): void {
    this.#receiverLimitBps = limitBps === 0 ? Number.POSITIVE_INFINITY : limitBps;
    this.#target.setReceiverLimit(limitBps);
    this.#target.update(nowUs);
    this.#publish(nowUs);
  }

  /** Packets can be sent from now on: the first probes are planned. */
  onConnected(nowUs: number): void {
    this.#probes.start(nowUs);
  }

  /** What all subscriptions of the transport would take at their best: probes go after it. 0 where that is not known. */
  setWanted(wantedBps: number, nowUs: number): void {
    this.#wantedBps = wantedBps;
    this.#probes.setWanted(wantedBps, nowUs);
  }

  setMax(maxBps: number, nowUs: number): void {
    this.#target.setMax(maxBps);
    this.#probes.setMax(maxBps);
    this.#publish(nowUs);
  }

  /** Call every 25 ms or so; more often costs nothing. */
  poll(nowUs: number): void {
    if (nowUs - this.#polledUs < POLL_US) return;
    this.#polledUs = nowUs;
    this.#target.update(nowUs);
    this.#publish(nowUs);
    this.#probes.poll(nowUs);
  }

  /** The next probe to send, if one waits. `takeProbe` hands it over. */
  get probePlan(): ProbePlan | undefined {
    return this.#probes.pending;
  }

  takeProbe(nowUs: number): ProbePlan | undefined {
    const plan = this.#probes.take(nowUs);
    if (plan !== undefined) this.#probeRate.expect(plan);
    return plan;
  }

  /** Rate at which the pacer lets packets go. */
  get pacingBps(): number {
    return PACING_FACTOR * this.targetBps;
  }

  /** Whether the path carries clearly more than all that is wanted, and nothing waits on it: bursts do no harm. */
  get ample(): boolean {
    const calm = this.#delay.usage === BandwidthUsage.NORMAL && this.#drainingSinceUs < 0;
    return calm && this.#wantedBps > 0 && this.estimateBps >= AMPLE_RATIO * this.#wantedBps;
  }

  /** Rate up to which padding shall fill what media leaves: only while the rate is being raised again after loss. */
  get paddingBps(): number {
    return this.#target.lossState === LossState.INCREASING ? this.targetBps : 0;
  }

  get state(): BandwidthState {
    return {
      estimateBps: this.estimateBps,
      targetBps: this.targetBps,
      delayBasedBps: this.#delay.rateControl.rateBps,
      lossBasedBps: this.#target.loss.ready ? this.#target.loss.estimateBps : Number.POSITIVE_INFINITY,
      acknowledgedBps: this.#acknowledged.rateBps,
      usage: USAGE_NAMES[this.#delay.usage],
      limitedBy: this.#limitedBy(),
      inAlr: this.#alr.active,
      draining: this.#drainingSinceUs >= 0,
      lossRatio: this.lossRatio,
      rttUs: this.rttUs,
      queueDelayUs: this.#queue.queueDelayUs,
      inFlightBytes: this.#history.inFlightBytes,
      overuses: this.#delay.decreases,
      probes: this.#probes.clusters,
      probeFailures: this.#probeRate.failures,
      feedback: this.#adapter.counters,
    };
  }

  #limitedBy(): BandwidthState["limitedBy"] {
    if (this.#target.backoff.exceeded) return "rtt";
    if (this.estimateBps >= this.#receiverLimitBps) return "receiver";
    return this.#target.lossState === LossState.DELAY_BASED ? "delay" : "loss";
  }

  #measureRtt(nowUs: number): void {
    const batch = this.#batch;
    if (batch.receivedCount === 0) return;
    const lastArrivalUs = batch.arrivalUs[batch.receivedCount - 1];
    let propagationUs = Number.POSITIVE_INFINITY;
    let longestUs = 0;
    for (let i = 0; i < batch.receivedCount; i++) {
      const feedbackRttUs = nowUs - batch.sentUs[i];
      const waitedUs = lastArrivalUs - batch.arrivalUs[i];
      longestUs = Math.max(longestUs, feedbackRttUs);
      propagationUs = Math.min(propagationUs, feedbackRttUs - waitedUs);
    }
    // A receiver that lies about arrivals cannot make the round trip shorter than nothing.
    this.rttUs = Math.max(0, propagationUs);
    this.#target.backoff.onFeedback(this.rttUs, nowUs);
    this.#rttsUs[this.#rttCount++ % RTT_MESSAGES] = longestUs;
    const count = Math.min(this.#rttCount, RTT_MESSAGES);
    let sumUs = 0;
    for (let i = 0; i < count; i++) sumUs += this.#rttsUs[i];
    this.#delay.rateControl.rttUs = sumUs / count;
  }

  #measureLoss(nowUs: number): void {
    this.#expectedPackets += this.#batch.reportedPackets;
    this.#lostPackets += this.#batch.lostPackets - this.#batch.recoveredPackets;
    if (nowUs - this.#lossWindowUs < LOSS_INTERVAL_US || this.#expectedPackets === 0) return;
    this.lossRatio = Math.min(1, Math.max(0, this.#lostPackets / this.#expectedPackets));
    this.#lossWindowUs = nowUs;
    this.#expectedPackets = 0;
    this.#lostPackets = 0;
    this.#target.onReport(this.lossRatio, this.rttUs, nowUs);
  }

  /** What a probe has shown; -1 where nothing, or nothing that holds. */
  #measureProbe(): number {
    const probeBps = this.#probeRate.update(this.#batch);
    if (probeBps < 0) return -1;
    const capacityBps = this.#probeRate.capacityBps;
    if (capacityBps < 0) {
      // The path carried it all: that is no reason to lower the rate.
      return probeBps > this.#delay.rateControl.rateBps ? probeBps : -1;
    }
    this.#delay.onProbeQueue();
    // Less than what arrives anyway: that was jitter.
    if (capacityBps < this.#acknowledged.rateBps) return -1;
    this.#delay.rateControl.onCapacity(capacityBps);
    return probeBps;
  }

  /** What arrives; while packets wait on the path, what it carries now, whatever was sent in the second before. */
  #throughputBps(): number {
    const { rateBps, recentBps } = this.#acknowledged;
    const queued = this.#queue.usage !== BandwidthUsage.NORMAL && this.#queue.spreadUs < STEADY_SPREAD_US;
    return queued && recentBps >= 0 ? recentBps : rateBps;
  }

  #drain(decreased: boolean, nowUs: number): void {
    const queueUs = this.#queue.excessUs;
    const queued = this.#queue.usage !== BandwidthUsage.NORMAL;
    if (decreased && queued && this.#drainingSinceUs < 0) this.#drainingSinceUs = nowUs;
    if (this.#drainingSinceUs < 0) return;
    if (nowUs - this.#drainingSinceUs > DRAIN_MAX_US) {
      // What does not drain is no queue of ours: the path is longer now, or others fill it.
      this.#queue.reset();
      this.#drainingSinceUs = -1;
    } else if (queueUs < DRAIN_STOP_US) {
      this.#drainingSinceUs = -1;
    }
  }

  #publish(nowUs: number): void {
    this.estimateBps = this.#target.targetBps;
    this.targetBps = this.estimateBps;
    if (this.#drainingSinceUs >= 0) {
      const ratio = Math.max(DRAIN_MIN_RATIO, 1 - this.#queue.excessUs / DRAIN_FULL_US);
      this.targetBps = this.estimateBps * ratio;
    }
    this.#alr.setEstimate(this.targetBps);
    this.#probes.setEstimate(this.estimateBps, this.#limitCause(), nowUs);
  }

  #limitCause(): LimitCause {
    if (this.#delay.usage !== BandwidthUsage.NORMAL || this.#drainingSinceUs >= 0) return LimitCause.DELAY_INCREASED;
    if (this.#target.backoff.exceeded) return LimitCause.RTT_BACKOFF;
    if (this.#target.lossState === LossState.DECREASING) return LimitCause.LOSS_DECREASING;
    if (this.#target.lossState === LossState.INCREASING) return LimitCause.LOSS_INCREASING;
    return LimitCause.DELAY;
  }
}

const USAGE_NAMES: readonly BandwidthState["usage"][] = ["normal", "underusing", "overusing"];
