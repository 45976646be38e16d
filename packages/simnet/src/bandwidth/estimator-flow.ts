import { FeedbackBatch } from "@cation/engine/bandwidth/feedback-batch";
import { Pacer, PacerClass } from "@cation/engine/bandwidth/pacer";
import type { PacerOutput } from "@cation/engine/bandwidth/pacer";
import { DEFAULT_BANDWIDTH, SendSideBandwidthEstimator } from "@cation/engine/bandwidth/send-side-bandwidth-estimator";
import { TransportFeedbackReader } from "@cation/rtp/rtcp-transport-feedback";
import { seqOf } from "@cation/rtp/sequence";
import type { SeqNum, Ssrc } from "@cation/rtp/units";
import { LinkModel, PERFECT_LINK } from "../link-model.ts";
import type { LinkConfig } from "../link-model.ts";
import type { SeededRandom } from "../seeded-random.ts";
import { SimLink } from "../sim-link.ts";
import type { VirtualClock } from "../virtual-clock.ts";
import { FeedbackReceiver } from "./feedback-receiver.ts";

/** The sender wakes for its pacer, but not more often than a timer can, nor less often than the estimator wants. */
const MIN_TICK_US = 1_000;
const TICK_US = 5_000;
const FRAME_US = 33_333;
const FRAME_DEVIATION = 0.3;
const MAX_START_US = 1_000_000;
const FEEDBACK_US = 50_000;
const PACKET_BYTES = 1_200;
const MIN_PACKET_BYTES = 100;
const BODIES = new Uint8Array(65_536);

/** A packet on the bottleneck. */
export interface FlowPacket {
  readonly bytes: Uint8Array;
  readonly flow: EstimatorFlow;
  readonly sequenceNumber: SeqNum;
}

/**
 * A sender that always has as much to send as its demand, up to the estimate, at 30 frames a second through the pacer; and its
 * receiver, whose feedback comes back over a path of its own.
 */
export class EstimatorFlow implements PacerOutput {
  readonly estimator: SendSideBandwidthEstimator;
  readonly pacer = new Pacer();
  readonly receiver = new FeedbackReceiver();
  sentBytes = 0;
  paddingBytes = 0;

  readonly #clock: VirtualClock;
  readonly #random: SeededRandom;
  readonly #forward: SimLink<FlowPacket>;
  readonly #back: SimLink<{ readonly bytes: Uint8Array }>;
  readonly #reader = new TransportFeedbackReader();
  #demandBps: number;
  #sequence = 60_000;

  constructor(
    clock: VirtualClock,
    random: SeededRandom,
    forward: SimLink<FlowPacket>,
    back: Partial<LinkConfig>,
    demandBps: number,
  ) {
    this.#clock = clock;
    this.#random = random;
    this.#forward = forward;
    this.#demandBps = demandBps;
    this.estimator = new SendSideBandwidthEstimator(DEFAULT_BANDWIDTH, new FeedbackBatch());
    const model = new LinkModel<{ readonly bytes: Uint8Array }>({ ...PERFECT_LINK, ...back }, random.fork());
    this.#back = new SimLink(clock, model, ({ bytes }) => {
      if (this.#reader.set(bytes, 0, bytes.length)) this.estimator.onFeedback(this.#reader, clock.nowUs);
    });
  }

  /** Begins within a second. */
  start(): void {
    this.#clock.after(this.#random.nextBelow(MAX_START_US), () => this.#begin());
  }

  #begin(): void {
    this.estimator.setWanted(this.#demandBps, this.#clock.nowUs);
    this.estimator.onConnected(this.#clock.nowUs);
    this.#clock.after(TICK_US, () => this.#tick());
    this.#every(FRAME_US, () => this.#frame());
    this.#every(FEEDBACK_US, () => this.receiver.report(1 as Ssrc, 2 as Ssrc, (bytes) => this.#back.send({ bytes })));
  }

  setDemand(demandBps: number): void {
    this.#demandBps = demandBps;
    this.estimator.setWanted(demandBps, this.#clock.nowUs);
  }

  release(_handle: number, bytes: number, _packetClass: PacerClass, probeCluster: number): number {
    return this.#send(bytes, probeCluster);
  }

  padding(bytes: number, probeCluster: number): number {
    this.paddingBytes += bytes;
    return this.#send(bytes, probeCluster);
  }

  discarded(): void {}

  #send(byteLength: number, probeCluster: number): number {
    const sequenceNumber = seqOf(this.#sequence++);
    this.sentBytes += byteLength;
    this.#forward.send({ bytes: BODIES.subarray(0, byteLength), flow: this, sequenceNumber });
    this.estimator.onPacketSent(sequenceNumber, this.#clock.nowUs, byteLength, probeCluster);
    return byteLength;
  }

  #tick(): void {
    const nowUs = this.#clock.nowUs;
    const { estimator, pacer } = this;
    estimator.poll(nowUs);
    pacer.setRates(estimator.pacingBps, estimator.paddingBps, nowUs);
    if (!pacer.probing) {
      const plan = estimator.takeProbe(nowUs);
      if (plan !== undefined) pacer.startProbe(plan);
    }
    pacer.poll(nowUs, this);
    const nextUs = Math.max(nowUs + MIN_TICK_US, pacer.nextReleaseUs(nowUs));
    this.#clock.at(Math.min(nextUs, nowUs + TICK_US), () => this.#tick());
  }

  #frame(): void {
    const rateBps = Math.min(this.#demandBps, this.estimator.targetBps);
    // Encoders hit their target on average only.
    const deviation = 1 + FRAME_DEVIATION * (2 * this.#random.nextFloat() - 1);
    let left = Math.round((rateBps * FRAME_US * deviation) / 8_000_000);
    for (; left > 0; left -= PACKET_BYTES) {
      const bytes = Math.max(MIN_PACKET_BYTES, Math.min(PACKET_BYTES, left));
      this.pacer.enqueue(PacerClass.VIDEO, 0, bytes, this.#clock.nowUs);
    }
  }

  #every(periodUs: number, action: () => void): void {
    this.#clock.after(periodUs, () => {
      action();
      this.#every(periodUs, action);
    });
  }
}
