import { NOT_RECEIVED, TransportFeedbackWriter } from "@cation/rtp/rtcp-transport-feedback-writer";
import { TransportFeedbackReader } from "@cation/rtp/rtcp-transport-feedback";
import { RtcpType } from "@cation/rtp/rtcp-reader";
import type { SeqNum, Ssrc } from "@cation/rtp/units";
import { Digest } from "../digest.ts";
import { MAX_STEPS, REFUSED } from "../fuzz-target.ts";
import type { FuzzTarget } from "../fuzz-target.ts";
import type { Corpus } from "./corpus.ts";

const ROUND_TRIP_STATUSES = 512;
const SENDER = 1 as Ssrc;
const MEDIA = 2 as Ssrc;

/** Transport-wide feedback; what was read is written again, and must read the same. */
export function transportFeedback(corpus: Corpus): FuzzTarget {
  const reader = new TransportFeedbackReader();
  const digest = new Digest();
  const roundTrip = new RoundTrip();
  return {
    name: "rtcp-transport-feedback",
    seeds: corpus.rtcp(RtcpType.TRANSPORT_FEEDBACK, 15),
    read(bytes, offset, length) {
      if (!reader.set(bytes, offset, length)) return REFUSED;
      digest.start(offset, offset + length);
      digest.number(reader.senderSsrc);
      digest.number(reader.mediaSsrc);
      digest.number(reader.referenceTime);
      digest.number(reader.feedbackCount);
      let steps = 0;
      for (; reader.next(); steps++) {
        if (steps > MAX_STEPS) throw new Error("does not end");
        digest.number(reader.sequenceNumber);
        digest.flag(reader.received);
        digest.number(reader.arrivalUs);
        if (steps < ROUND_TRIP_STATUSES) roundTrip.note(steps, reader.received ? reader.arrivalUs : NOT_RECEIVED);
      }
      if (steps !== reader.packetStatusCount) throw new Error(`${steps} of ${reader.packetStatusCount} statuses`);
      roundTrip.check(Math.min(steps, ROUND_TRIP_STATUSES), reader.baseSequenceNumber);
      return digest.value;
    },
  };
}

/** Far enough from 0 for any sum of negative deltas. */
const START_US = 2 ** 40;

class RoundTrip {
  readonly #arrivals = new Float64Array(ROUND_TRIP_STATUSES);
  readonly #writer = new TransportFeedbackWriter();
  readonly #reader = new TransportFeedbackReader();
  readonly #target = new Uint8Array(1200);

  note(index: number, arrivalUs: number): void {
    this.#arrivals[index] = arrivalUs === NOT_RECEIVED ? NOT_RECEIVED : START_US + arrivalUs;
  }

  check(count: number, base: SeqNum): void {
    const writer = this.#writer;
    const end = writer.write(this.#target, 0, 1200, SENDER, MEDIA, base, this.#arrivals, 0, count, 0);
    if (end <= 0) {
      if (end < 0) throw new Error("written nothing");
      return;
    }
    const padding = (this.#target[0] & 0x20) === 0 ? 0 : this.#target[end - 1];
    if (!this.#reader.set(this.#target, 0, end - padding)) throw new Error("what was written cannot be read");
    if (this.#reader.packetStatusCount !== writer.written) throw new Error("another number of statuses");
    const reference = this.#firstReference(count);
    for (let i = 0; this.#reader.next(); i++) {
      const arrival = this.#reader.received ? reference + this.#reader.arrivalUs : NOT_RECEIVED;
      const told = this.#arrivals[i];
      if (arrival !== (told < 0 ? NOT_RECEIVED : Math.floor(told / 250) * 250))
        throw new Error(`arrival of packet ${i}`);
    }
  }

  #firstReference(count: number): number {
    for (let i = 0; i < count; i++) {
      if (this.#arrivals[i] >= 0) return Math.floor(this.#arrivals[i] / 64_000) * 64_000;
    }
    return 0;
  }
}
