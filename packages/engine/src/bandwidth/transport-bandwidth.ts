import type { TransportFeedbackReader } from "@cation/rtp/rtcp-transport-feedback";
import type { SeqNum } from "@cation/rtp/units";
import type { EngineTransport } from "../engine-transport.ts";
import type { FeedbackBatch } from "./feedback-batch.ts";
import type { SentLog, SentLogReader } from "./sent-log.ts";
import { isTracked, probeOfToken, sequenceOfToken } from "./send-token.ts";
import { SendSideBandwidthEstimator } from "./send-side-bandwidth-estimator.ts";
import type { BandwidthConfig } from "./send-side-bandwidth-estimator.ts";

/** Changes that are smaller than this wait until `TELL_US` has passed. */
const TELL_RATIO = 0.02;
const TELL_US = 1_000_000;
/** What has been sent is looked at so often where no feedback asks for it. */
const TAKE_SENT_US = 100_000;

/** What a path carries: what allocation and statistics go by. */
export interface TransportEstimate {
  /** What the path carries. */
  readonly estimateBps: number;
  /** What to send now: the estimate, lowered while a queue drains. Media is to be chosen below this. */
  readonly targetBps: number;
}

/** Bandwidth of one transport that sends to a client: the estimator, fed by completions and by the client's RTCP. */
export class TransportBandwidth implements SentLogReader {
  readonly estimator: SendSideBandwidthEstimator;
  readonly transport: EngineTransport;
  /** Whether the client takes part in congestion control: without its feedback the estimate is a guess. */
  hasFeedback = false;

  readonly #sentLog: SentLog;
  #tookSentUs = Number.NEGATIVE_INFINITY;
  #connected = false;
  #toldEstimateBps = 0;
  #toldTargetBps = 0;
  #toldUs = Number.NEGATIVE_INFINITY;
  /** Packets of the receiver reports in one compound. */
  #expectedPackets = 0;
  #lostPackets = 0;

  constructor(transport: EngineTransport, config: BandwidthConfig, batch: FeedbackBatch, sentLog: SentLog) {
    this.transport = transport;
    this.#sentLog = sentLog;
    sentLog.open(transport.row);
    this.estimator = new SendSideBandwidthEstimator(config, batch);
  }

  /** Takes what the log says of packets that have left. */
  takeSent(): void {
    this.#sentLog.read(this.transport.row, this);
  }

  /** A packet has left, as its completion says. For the log. */
  onSent(token: number, bytes: number, sentUs: number): void {
    if (!isTracked(token)) {
      this.estimator.onUntrackedSent(bytes, sentUs);
      return;
    }
    this.estimator.onPacketSent(sequenceOfToken(token), sentUs, bytes, probeOfToken(token));
    if (this.#connected) return;
    this.#connected = true;
    this.estimator.onConnected(sentUs);
  }

  /** A packet is sent again as it was, its transport-wide number included. */
  onSentAgain(sequenceNumber: SeqNum): void {
    this.takeSent();
    this.estimator.onSentAgain(sequenceNumber);
  }

  onFeedback(reader: TransportFeedbackReader, nowUs: number): void {
    this.takeSent();
    this.hasFeedback = true;
    this.estimator.onFeedback(reader, nowUs);
  }

  onRemb(limitBps: number, nowUs: number): void {
    this.takeSent();
    this.hasFeedback = true;
    this.estimator.onRemb(limitBps, nowUs);
  }

  /** One block of a receiver report: packets since the block before, and how many of them were lost. */
  addReport(expectedPackets: number, lostPackets: number): void {
    this.#expectedPackets += Math.max(0, expectedPackets);
    this.#lostPackets += lostPackets;
  }

  /** A compound with reports has been read. */
  endReports(nowUs: number): void {
    if (this.#expectedPackets === 0) return;
    this.takeSent();
    const fractionLost = Math.min(1, Math.max(0, this.#lostPackets / this.#expectedPackets));
    this.#expectedPackets = 0;
    this.#lostPackets = 0;
    this.estimator.onReceiverReport(fractionLost, Math.max(0, this.transport.rttUs), nowUs);
  }

  poll(nowUs: number): void {
    if (!this.#connected || nowUs - this.#tookSentUs >= TAKE_SENT_US) {
      this.takeSent();
      this.#tookSentUs = nowUs;
    }
    this.estimator.poll(nowUs);
  }

  /** Whether the owner should hear of the estimate now; true only once for each change. */
  takeChange(nowUs: number): boolean {
    const { estimateBps, targetBps } = this.estimator;
    if (estimateBps === this.#toldEstimateBps && targetBps === this.#toldTargetBps) return false;
    const large =
      Math.abs(estimateBps - this.#toldEstimateBps) > TELL_RATIO * this.#toldEstimateBps ||
      Math.abs(targetBps - this.#toldTargetBps) > TELL_RATIO * this.#toldTargetBps;
    if (!large && nowUs - this.#toldUs < TELL_US) return false;
    this.#toldEstimateBps = estimateBps;
    this.#toldTargetBps = targetBps;
    this.#toldUs = nowUs;
    return true;
  }
}
