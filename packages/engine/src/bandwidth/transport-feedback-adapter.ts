import { ReferenceTimeUnwrapper } from "@cation/rtp/rtcp-transport-feedback";
import type { TransportFeedbackReader } from "@cation/rtp/rtcp-transport-feedback";
import type { FeedbackBatch } from "./feedback-batch.ts";
import { SentState } from "./sent-packet-history.ts";
import type { SentPacketHistory } from "./sent-packet-history.ts";

/** The receiver's clock may run away from ours by this much between two messages; beyond, it was set anew. */
const CLOCK_JUMP_US = 5_000_000;

/** What feedback contained that was not used. */
export interface FeedbackCounters {
  messages: number;
  /** Reports on packets that were never sent, or are forgotten. */
  unknown: number;
  /** Reports that a packet was received which an earlier one had already called received. */
  duplicates: number;
  /** Received packets beyond what one batch holds. */
  truncated: number;
  /** Jumps of the receiver's clock. */
  clockJumps: number;
}

/**
 * Joins transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01) with the history of sent packets.
 * Messages may be lost, late, doubled or lies: what does not fit is counted and has no other effect.
 */
export class TransportFeedbackAdapter {
  readonly counters: FeedbackCounters = { messages: 0, unknown: 0, duplicates: 0, truncated: 0, clockJumps: 0 };

  readonly #history: SentPacketHistory;
  readonly #reference = new ReferenceTimeUnwrapper();
  /** Added to the receiver's clock, so that it goes on where it was set anew. */
  #offsetUs = 0;
  #lastArrivalUs = Number.NaN;
  #lastFeedbackUs = 0;

  constructor(history: SentPacketHistory) {
    this.#history = history;
  }

  /** Reads a message, from its start, into the batch. False where it says nothing new. */
  read(reader: TransportFeedbackReader, batch: FeedbackBatch, nowUs: number): boolean {
    batch.clear();
    this.counters.messages++;
    const baseUs = this.#baseUs(reader.referenceTime, nowUs);
    while (reader.next()) {
      const slot = this.#history.find(reader.sequenceNumber);
      if (slot < 0) {
        this.counters.unknown++;
      } else if (reader.received) {
        this.#received(slot, baseUs + reader.arrivalUs, batch);
      } else {
        this.#lost(slot, batch);
      }
    }
    if (batch.receivedCount > 0) {
      this.#lastArrivalUs = batch.arrivalUs[batch.receivedCount - 1];
      this.#lastFeedbackUs = nowUs;
    }
    return batch.reportedPackets > 0 || batch.recoveredPackets > 0;
  }

  #received(slot: number, arrivalUs: number, batch: FeedbackBatch): void {
    const history = this.#history;
    const state = history.state[slot];
    if (state === SentState.RECEIVED) {
      this.counters.duplicates++;
      return;
    }
    if (batch.full) {
      this.counters.truncated++;
      return;
    }
    if (state === SentState.LOST) {
      batch.recoveredPackets++;
      batch.recoveredBytes += history.bytes[slot];
    } else {
      this.#reported(slot, batch);
    }
    batch.insert(history.sentUs[slot], arrivalUs, history.bytes[slot], history.probeCluster[slot]);
    history.report(slot, true);
  }

  #lost(slot: number, batch: FeedbackBatch): void {
    const state = this.#history.state[slot];
    if (state === SentState.RECEIVED || state === SentState.LOST) return;
    this.#reported(slot, batch);
    batch.lostPackets++;
    batch.lostBytes += this.#history.bytes[slot];
    this.#history.report(slot, false);
  }

  #reported(slot: number, batch: FeedbackBatch): void {
    const sentUs = this.#history.sentUs[slot];
    batch.reportedPackets++;
    batch.reportedBytes += this.#history.bytes[slot];
    if (sentUs < batch.firstSentUs) batch.firstSentUs = sentUs;
    if (sentUs > batch.lastSentUs) batch.lastSentUs = sentUs;
  }

  /** The message's reference time on a clock that never jumps. */
  #baseUs(referenceTime: number, nowUs: number): number {
    const baseUs = this.#reference.unwrapUs(referenceTime) + this.#offsetUs;
    if (Number.isNaN(this.#lastArrivalUs)) return baseUs;
    const expectedUs = this.#lastArrivalUs + (nowUs - this.#lastFeedbackUs);
    if (Math.abs(baseUs - expectedUs) < CLOCK_JUMP_US) return baseUs;
    this.counters.clockJumps++;
    this.#offsetUs += expectedUs - baseUs;
    return expectedUs;
  }
}
