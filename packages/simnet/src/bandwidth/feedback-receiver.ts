import { NOT_RECEIVED, TransportFeedbackWriter } from "@cation/rtp/rtcp-transport-feedback-writer";
import { SequenceUnwrapper, seqOf } from "@cation/rtp/sequence";
import type { SeqNum, Ssrc } from "@cation/rtp/units";

const RING = 8192;
const MAX_MESSAGE_BYTES = 1_200;

/** The receiving end of a simulated flow: notes arrivals, writes transport-wide feedback as a browser does. */
export class FeedbackReceiver {
  receivedBytes = 0;

  readonly #writer = new TransportFeedbackWriter();
  readonly #arrivalsUs = new Float64Array(RING).fill(NOT_RECEIVED);
  readonly #unwrapper = new SequenceUnwrapper();
  readonly #scratch = new Uint8Array(MAX_MESSAGE_BYTES);
  /** The first packet to report on; -1 before the first. */
  #base = -1;
  #feedbackCount = 0;

  receive(sequenceNumber: SeqNum, bytes: number, nowUs: number): void {
    this.receivedBytes += bytes;
    const previous = this.#unwrapper.highest;
    const extended = this.#unwrapper.unwrap(sequenceNumber);
    if (this.#base < 0) this.#base = extended;
    for (let n = Math.max(previous + 1, extended - RING + 1); previous >= 0 && n < extended; n++) {
      this.#arrivalsUs[n % RING] = NOT_RECEIVED;
    }
    if (this.#unwrapper.highest - extended >= RING) return;
    this.#arrivalsUs[extended % RING] = Math.round(nowUs);
    // What comes late is reported once more, with all that followed it.
    this.#base = Math.min(this.#base, extended);
  }

  /** Writes what is due; one message a call of `send`. */
  report(senderSsrc: Ssrc, mediaSsrc: Ssrc, send: (message: Uint8Array) => void): void {
    while (this.#base >= 0 && this.#base <= this.#unwrapper.highest) {
      const count = this.#unwrapper.highest - this.#base + 1;
      const base = seqOf(this.#base);
      const first = this.#base % RING;
      const end = this.#writer.write(
        this.#scratch,
        0,
        MAX_MESSAGE_BYTES,
        senderSsrc,
        mediaSsrc,
        base,
        this.#arrivalsUs,
        first,
        count,
        this.#feedbackCount & 0xff,
      );
      if (end < 0) return;
      this.#base += this.#writer.written;
      if (end === 0) continue;
      this.#feedbackCount++;
      send(this.#scratch.slice(0, end));
    }
  }
}
