import { readU16, writeU16 } from "./byte-order.ts";
import {
  FEEDBACK_HEADER_BYTES,
  feedbackMediaSsrc,
  feedbackSenderSsrc,
  isFeedback,
  writeFeedbackHeader,
} from "./rtcp-header.ts";
import { RtcpType, TransportFeedbackFormat } from "./rtcp-reader.ts";
import { seqAdd, seqDelta } from "./sequence.ts";
import type { SeqNum, Ssrc } from "./units.ts";

const ITEM_BYTES = 4;
/** Numbers after PID that one item can name. */
const BITMASK_BITS = 16;

/** Steps through the sequence numbers that a generic NACK asks for (RFC 4585 §6.2.1). */
export class NackReader {
  senderSsrc = 0 as Ssrc;
  /** The stream that lost them. */
  mediaSsrc = 0 as Ssrc;
  /** The current number. */
  sequenceNumber = 0 as SeqNum;

  #bytes: Uint8Array = new Uint8Array(0);
  #position = 0;
  #end = 0;
  #packetId = 0;
  /** What is left of the bitmask; bit 0 stands for PID + `#bit`. */
  #mask = 0;
  #bit = 0;

  /** Starts on a NACK; false where none with at least one item lies there. */
  set(bytes: Uint8Array, offset: number, length: number): boolean {
    this.#mask = 0;
    this.#position = 0;
    this.#end = 0;
    const minimum = FEEDBACK_HEADER_BYTES + ITEM_BYTES;
    if (!isFeedback(bytes, offset, length, RtcpType.TRANSPORT_FEEDBACK, TransportFeedbackFormat.NACK, minimum)) {
      return false;
    }
    this.senderSsrc = feedbackSenderSsrc(bytes, offset);
    this.mediaSsrc = feedbackMediaSsrc(bytes, offset);
    this.#bytes = bytes;
    this.#position = offset + FEEDBACK_HEADER_BYTES;
    this.#end = offset + length;
    return true;
  }

  /** Moves to the next number; false at the end. A number may come more than once: peers are not obliged to merge. */
  next(): boolean {
    while (this.#mask !== 0) {
      const lost = (this.#mask & 1) !== 0;
      this.#mask >>= 1;
      this.#bit++;
      if (lost) {
        this.sequenceNumber = seqAdd(this.#packetId, this.#bit);
        return true;
      }
    }
    if (this.#position + ITEM_BYTES > this.#end) return false;
    this.#packetId = readU16(this.#bytes, this.#position);
    this.#mask = readU16(this.#bytes, this.#position + 2);
    this.#bit = 0;
    this.#position += ITEM_BYTES;
    this.sequenceNumber = this.#packetId as SeqNum;
    return true;
  }
}

/**
 * Writes a NACK of `count` numbers of `lost` from index `first`, which stand in sequence order (across a wrap too;
 * repeats do no harm): neighbours share an item. Returns the offset after it, or -1 when it does not fit or there is
 * nothing to ask for.
 */
export function writeNack(
  target: Uint8Array,
  offset: number,
  senderSsrc: Ssrc,
  mediaSsrc: Ssrc,
  lost: ArrayLike<number>,
  first: number,
  count: number,
): number {
  const end = first + count;
  if (count <= 0 || end > lost.length) return -1;
  let position = offset + FEEDBACK_HEADER_BYTES;
  let index = first;
  while (index < end) {
    if (position + ITEM_BYTES > target.length) return -1;
    const packetId = lost[index++];
    let mask = 0;
    for (; index < end; index++) {
      const distance = seqDelta(lost[index], packetId);
      if (distance < 0 || distance > BITMASK_BITS) break;
      if (distance > 0) mask |= 1 << (distance - 1);
    }
    writeU16(target, position, packetId);
    writeU16(target, position + 2, mask);
    position += ITEM_BYTES;
  }
  writeFeedbackHeader(
    target,
    offset,
    TransportFeedbackFormat.NACK,
    RtcpType.TRANSPORT_FEEDBACK,
    position - offset,
    senderSsrc,
    mediaSsrc,
  );
  return position;
}
