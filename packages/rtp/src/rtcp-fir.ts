import { readU32, writeU32 } from "./byte-order.ts";
import { FEEDBACK_HEADER_BYTES, feedbackSenderSsrc, isFeedback, writeFeedbackHeader } from "./rtcp-header.ts";
import { PayloadFeedbackFormat, RtcpType } from "./rtcp-reader.ts";
import type { Ssrc } from "./units.ts";

const ENTRY_BYTES = 8;
/** RFC 5104 §4.3.1.2: the media source field is not used. */
const UNUSED_MEDIA_SSRC = 0 as Ssrc;

/** Steps through the entries of a full intra request where it lies (RFC 5104 §4.3.1). */
export class FirReader {
  senderSsrc = 0 as Ssrc;
  /** The stream that is asked for a keyframe by the current entry. */
  ssrc = 0 as Ssrc;
  /** The same number again is a repetition of the same request. */
  commandSequence = 0;

  #bytes: Uint8Array = new Uint8Array(0);
  #position = 0;
  #end = 0;

  /** False where none with at least one entry lies there. */
  set(bytes: Uint8Array, offset: number, length: number): boolean {
    this.#position = 0;
    this.#end = 0;
    const minimum = FEEDBACK_HEADER_BYTES + ENTRY_BYTES;
    if (!isFeedback(bytes, offset, length, RtcpType.PAYLOAD_FEEDBACK, PayloadFeedbackFormat.FIR, minimum)) {
      return false;
    }
    this.senderSsrc = feedbackSenderSsrc(bytes, offset);
    this.#bytes = bytes;
    this.#position = offset + FEEDBACK_HEADER_BYTES;
    this.#end = offset + length;
    return true;
  }

  /** Moves to the next entry; false at the end. */
  next(): boolean {
    if (this.#position + ENTRY_BYTES > this.#end) return false;
    this.ssrc = readU32(this.#bytes, this.#position) as Ssrc;
    this.commandSequence = this.#bytes[this.#position + 4];
    this.#position += ENTRY_BYTES;
    return true;
  }
}

/** Writes a full intra request for one stream. Returns the offset after it, or -1 when it does not fit. */
export function writeFir(
  target: Uint8Array,
  offset: number,
  senderSsrc: Ssrc,
  ssrc: Ssrc,
  commandSequence: number,
): number {
  const byteLength = FEEDBACK_HEADER_BYTES + ENTRY_BYTES;
  if (offset + byteLength > target.length) return -1;
  const type = RtcpType.PAYLOAD_FEEDBACK;
  writeFeedbackHeader(target, offset, PayloadFeedbackFormat.FIR, type, byteLength, senderSsrc, UNUSED_MEDIA_SSRC);
  writeU32(target, offset + 12, ssrc);
  writeU32(target, offset + 16, 0);
  target[offset + 16] = commandSequence;
  return offset + byteLength;
}
