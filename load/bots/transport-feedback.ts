import { NOT_RECEIVED } from "@cation/rtp/rtcp-transport-feedback-writer";
import type { TransportFeedbackWriter } from "@cation/rtp/rtcp-transport-feedback-writer";
import { SequenceUnwrapper, seqOf } from "@cation/rtp/sequence";
import type { SeqNum, Ssrc } from "@cation/rtp/units";

/** Packets between two messages, with much room. */
const RING = 1_024;

/** Notes when packets with a transport-wide number arrived, and writes what is to be told of them to the sender. */
export class TransportFeedback {
  readonly #writer: TransportFeedbackWriter;
  readonly #arrivalsUs = new Float64Array(RING).fill(NOT_RECEIVED);
  readonly #unwrapper = new SequenceUnwrapper();
  /** The first packet that was not reported on; -1 before the first. */
  #base = -1;
  #messages = 0;

  /** The writer may be shared by all bots of a process. */
  constructor(writer: TransportFeedbackWriter) {
    this.#writer = writer;
  }

  receive(sequence: number, arrivalUs: number): void {
    const before = this.#unwrapper.highest as number;
    const extended = this.#unwrapper.unwrap(sequence) as number;
    if (this.#base < 0) this.#base = extended;
    if (extended < this.#base || this.#unwrapper.highest - extended >= RING) return;
    for (let n = Math.max(before + 1, extended - RING + 1); before >= 0 && n < extended; n++) {
      this.#arrivalsUs[n % RING] = NOT_RECEIVED;
    }
    this.#arrivalsUs[extended % RING] = Math.round(arrivalUs);
    this.#base = Math.max(this.#base, this.#unwrapper.highest - RING + 1);
  }

  /** Writes one message to the start of `target`; 0 where there is nothing to tell. */
  write(target: Uint8Array, senderSsrc: Ssrc, mediaSsrc: Ssrc): number {
    const count = this.#base < 0 ? 0 : this.#unwrapper.highest - this.#base + 1;
    if (count <= 0) return 0;
    const base: SeqNum = seqOf(this.#base);
    const first = this.#base % RING;
    const messages = this.#messages & 0xff;
    const arrivals = this.#arrivalsUs;
    const end = this.#writer.write(
      target,
      0,
      target.length,
      senderSsrc,
      mediaSsrc,
      base,
      arrivals,
      first,
      count,
      messages,
    );
    if (end < 0) return 0;
    this.#base += this.#writer.written;
    if (end > 0) this.#messages += 1;
    return end;
  }
}
