import type { TransportFeedbackReader } from "@cation/rtp/rtcp-transport-feedback";
import type { SeqNum } from "@cation/rtp/units";
import type { EngineContext } from "../engine-context.ts";
import type { EngineTransport } from "../engine-transport.ts";
import type { FeedbackBatch } from "./feedback-batch.ts";
import { DEFAULT_PACER, Pacer } from "./pacer.ts";
import type { PacerClass, PacerOutput } from "./pacer.ts";
import { PacingBudget } from "./pacing-budget.ts";
import type { RecordPacing } from "./record-pacing.ts";
import type { SentLog, SentLogReader } from "./sent-log.ts";
import { isTracked, probeOfToken, sequenceOfToken } from "./send-token.ts";
import { SendSideBandwidthEstimator } from "./send-side-bandwidth-estimator.ts";

/** Changes that are smaller than this wait until `TELL_US` has passed. */
const TELL_RATIO = 0.02;
const TELL_US = 1_000_000;
/** What has been sent is looked at so often where no feedback asks for it. */
const TAKE_SENT_US = 100_000;

/** Time after which feedback that was promised is not waited for any more. */
const PATIENCE_US = 5_000_000;
/** While the client has said nothing of its path, what the first pictures need is spread at this rate. */
const UNHEARD_BPS = 5_000_000;
/** Time's worth of bytes that may leave at once; more where the path carries clearly more than is wanted. */
const BURST_US = 5_000;
const AMPLE_BURST_US = 20_000;

/** What a path carries: what allocation and statistics go by. */
export interface TransportEstimate {
  /** What the path carries. */
  readonly estimateBps: number;
  /** What to send now: the estimate, lowered while a queue drains. Media is to be chosen below this. */
  readonly targetBps: number;
}

/**
 * Bandwidth of one transport that sends to a client: the estimator, fed by completions and by the client's RTCP, and the pacer, which
 * goes by it.
 */
export class TransportBandwidth implements PacerOutput, SentLogReader {
  readonly transport: EngineTransport;
  /** Whether the client takes part in congestion control: without its feedback the estimate is a guess. */
  hasFeedback = false;
  readonly estimator: SendSideBandwidthEstimator;
  readonly pacer: Pacer;
  /** When the pacer has something to do; for BandwidthControl. */
  pacerDueUs = Number.POSITIVE_INFINITY;

  readonly #sentLog: SentLog;
  readonly #openedUs: number;
  readonly #startBps: number;
  readonly #budget: PacingBudget;
  readonly #pacing: RecordPacing;
  #tookSentUs = Number.NEGATIVE_INFINITY;
  #connected = false;
  #toldEstimateBps = 0;
  #toldTargetBps = 0;
  #toldUs = Number.NEGATIVE_INFINITY;
  /** Packets of the receiver reports in one compound. */
  #expectedPackets = 0;
  #lostPackets = 0;

  constructor(context: EngineContext, transport: EngineTransport, batch: FeedbackBatch) {
    this.#openedUs = context.nowUs;
    const { config, sentLog, transports, pacing } = context;
    this.transport = transport;
    this.#sentLog = sentLog;
    sentLog.open(transport.row);
    this.estimator = new SendSideBandwidthEstimator(config.bandwidth, batch);
    this.#budget = new PacingBudget(transports, transport.row);
    this.pacer = new Pacer(DEFAULT_PACER, this.#budget);
    this.#startBps = config.bandwidth.startBps;
    this.#pacing = pacing;
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
    this.#heard();
    this.estimator.onFeedback(reader, nowUs);
  }

  onRemb(limitBps: number, nowUs: number): void {
    this.takeSent();
    this.#heard();
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

  /**
   * What is to be sent on it: what the path is known to carry, at first the start rate; infinite where a client who promised feedback
   * has sent none for long.
   */
  allocatedBps(nowUs: number): number {
    if (this.hasFeedback || nowUs - this.#openedUs < PATIENCE_US) return this.estimator.targetBps;
    return Number.POSITIVE_INFINITY;
  }

  /** Brings the pacer up to date with the estimate. */
  updatePacer(nowUs: number): void {
    const { estimator, pacer } = this;
    if (this.hasFeedback) {
      pacer.setRates(estimator.pacingBps, estimator.paddingBps, nowUs, estimator.ample ? AMPLE_BURST_US : BURST_US);
    } else {
      pacer.setRates(Math.max(UNHEARD_BPS, this.#startBps), 0, nowUs, AMPLE_BURST_US);
    }
    if (pacer.probing || !this.#connected || estimator.probePlan === undefined) return;
    // A burst is made of video and padding; where there is neither it would only hold up what comes.
    if (pacer.queuedPackets === 0 && !this.#pacing.canPad(this.transport)) return;
    const plan = estimator.takeProbe(nowUs);
    if (plan !== undefined) pacer.startProbe(plan);
  }

  release(handle: number, _bytes: number, _packetClass: PacerClass, probeCluster: number): number {
    return this.#pacing.release(this.transport, handle, probeCluster);
  }

  padding(bytes: number, probeCluster: number): number {
    return this.#pacing.pad(this.transport, bytes, probeCluster);
  }

  discarded(handle: number): void {
    this.#pacing.discard(handle);
  }

  #heard(): void {
    if (this.hasFeedback) return;
    this.hasFeedback = true;
    // The estimate is told once more: only now it means something.
    this.#toldEstimateBps = 0;
    this.#toldTargetBps = 0;
  }

  /** Nothing is sent any more. */
  close(): void {
    this.pacer.clear(this);
    this.#budget.release();
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
