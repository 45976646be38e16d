import { NOT_RECEIVED } from "@cation/rtp/rtcp-transport-feedback-writer";
import type { TransportFeedbackWriter } from "@cation/rtp/rtcp-transport-feedback-writer";
import { SequenceUnwrapper, seqOf } from "@cation/rtp/sequence";
import type { SeqNum, Ssrc } from "@cation/rtp/units";

const INITIAL_CAPACITY = 256;
const MAX_CAPACITY = 8192;

/**
 * When the packets of one sender arrived, by transport-wide number: a ring that grows with the rate up to 8192 numbers and is
 * then overwritten. What was reported stays in it, so that duplicates are known and a late packet is told of with all that
 * followed it, as libwebrtc does.
 */
export class ArrivalLog {
  /** Of the packet that came last (int32): feedback names it as its media source, which a sender must know as its own. */
  ssrc = 0;
  /** Packets with a number, duplicates left out. */
  packets = 0;

  #arrivalsUs = new Float64Array(INITIAL_CAPACITY).fill(NOT_RECEIVED);
  readonly #unwrapper = new SequenceUnwrapper();
  /** The first number to report on; -1 before the first packet. */
  #base = -1;
  #feedbackCount = 0;

  /** Whether something has come since the last report. */
  get pending(): boolean {
    return this.#base >= 0 && this.#base <= this.#unwrapper.highest;
  }

  receive(sequenceNumber: SeqNum, ssrc: number, arrivalUs: number): void {
    const highest = this.#unwrapper.highest;
    const extended = this.#unwrapper.peek(sequenceNumber);
    if (highest >= 0 && extended <= highest && !this.#isMissing(extended, highest)) return;
    this.#unwrapper.unwrap(sequenceNumber);
    if (this.#base < 0) this.#base = extended;
    if (highest >= 0 && extended > highest) this.#advance(highest, extended);
    this.#arrivalsUs[extended % this.#arrivalsUs.length] = Math.round(arrivalUs);
    this.#base = Math.min(this.#base, extended);
    this.ssrc = ssrc;
    this.packets++;
  }

  /**
   * Writes one message about what comes next. Returns the offset after it; -1 where it does not fit, `offset` where there is
   * nothing to say. `pending` tells whether another must follow.
   */
  write(writer: TransportFeedbackWriter, target: Uint8Array, offset: number, senderSsrc: Ssrc): number {
    const arrivalsUs = this.#arrivalsUs;
    const count = this.#unwrapper.highest - this.#base + 1;
    const first = this.#base % arrivalsUs.length;
    const base = seqOf(this.#base);
    const mediaSsrc = (this.ssrc >>> 0) as Ssrc;
    const feedbackCount = this.#feedbackCount & 0xff;
    const end = writer.write(
      target,
      offset,
      target.length,
      senderSsrc,
      mediaSsrc,
      base,
      arrivalsUs,
      first,
      count,
      feedbackCount,
    );
    if (end < 0) {
      this.#base = this.#unwrapper.highest + 1;
      return end;
    }
    this.#base += writer.written;
    if (end > offset) this.#feedbackCount++;
    return end;
  }

  /** Whether a number at or below the highest is remembered as not yet received. */
  #isMissing(extended: number, highest: number): boolean {
    const capacity = this.#arrivalsUs.length;
    return highest - extended < capacity && this.#arrivalsUs[extended % capacity] === NOT_RECEIVED;
  }

  /** Makes room up to `extended`, which is newer than all before. */
  #advance(highest: number, extended: number): void {
    while (extended - this.#base >= this.#arrivalsUs.length && this.#arrivalsUs.length < MAX_CAPACITY) {
      this.#grow(highest);
    }
    const arrivalsUs = this.#arrivalsUs;
    const capacity = arrivalsUs.length;
    for (let n = Math.max(highest + 1, extended - capacity + 1); n <= extended; n++) {
      arrivalsUs[n % capacity] = NOT_RECEIVED;
    }
    // What was never reported and is overwritten now is gone; the sender takes it for lost feedback.
    this.#base = Math.max(this.#base, extended - capacity + 1);
  }

  #grow(highest: number): void {
    const old = this.#arrivalsUs;
    const grown = new Float64Array(old.length * 2).fill(NOT_RECEIVED);
    for (let n = Math.max(0, highest - old.length + 1); n <= highest; n++) {
      grown[n % grown.length] = old[n % old.length];
    }
    this.#arrivalsUs = grown;
  }
}
