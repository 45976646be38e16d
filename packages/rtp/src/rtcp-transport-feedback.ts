import { readU16, readU24 } from "./byte-order.ts";
import { FEEDBACK_HEADER_BYTES, feedbackMediaSsrc, feedbackSenderSsrc, isFeedback } from "./rtcp-header.ts";
import { RtcpType, TransportFeedbackFormat } from "./rtcp-reader.ts";
import { delta24, seqAdd } from "./sequence.ts";
import type { SeqNum, Ssrc } from "./units.ts";

/** Feedback header, base sequence number, status count, reference time, feedback count. */
export const TRANSPORT_FEEDBACK_FIXED_BYTES = FEEDBACK_HEADER_BYTES + 8;
/** One tick of a receive delta. */
export const DELTA_TICK_US = 250;
/** One tick of the reference time. */
export const REFERENCE_TICK_US = 64_000;

/** What the feedback says about one packet (transport-wide-cc-extensions-01 §3.1.1). 3 is reserved. */
export const PacketStatus = { NOT_RECEIVED: 0, SMALL_DELTA: 1, LARGE_DELTA: 2 } as const;

/**
 * Steps through transport-wide feedback where it lies (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1). `set`
 * checks all of it, so that what `next` gives is complete.
 */
export class TransportFeedbackReader {
  senderSsrc = 0 as Ssrc;
  mediaSsrc = 0 as Ssrc;
  baseSequenceNumber = 0 as SeqNum;
  /** Packets that are reported on: from the base on, without a gap. */
  packetStatusCount = 0;
  /** 24 bits, ticks of 64 ms; see {@link ReferenceTimeUnwrapper}. */
  referenceTime = 0;
  /** Counts the feedback messages, 8 bits. */
  feedbackCount = 0;

  /** Transport-wide number of the current packet. */
  sequenceNumber = 0 as SeqNum;
  received = false;
  /** Arrival of the last received packet up to here, microseconds after the reference time (may be negative). */
  arrivalUs = 0;

  #bytes: Uint8Array = new Uint8Array(0);
  #index = 0;
  #chunkPosition = 0;
  #deltaPosition = 0;
  /** The current chunk: statuses left, bits a status, and the vector (shifted so that the next status is on top). */
  #chunkLeft = 0;
  #symbolBits = 0;
  #vector = 0;

  /**
   * Starts on a feedback message. False where none lies there, where it reports on no packet, where chunks or deltas
   * run past the end, or a status is the reserved one.
   */
  set(bytes: Uint8Array, offset: number, length: number): boolean {
    this.packetStatusCount = 0;
    this.#index = 0;
    const minimum = TRANSPORT_FEEDBACK_FIXED_BYTES;
    const format = TransportFeedbackFormat.TRANSPORT_CC;
    if (!isFeedback(bytes, offset, length, RtcpType.TRANSPORT_FEEDBACK, format, minimum)) return false;
    const packetStatusCount = readU16(bytes, offset + 14);
    const chunks = offset + minimum;
    const deltas = checkChunks(bytes, chunks, offset + length, packetStatusCount);
    if (deltas < 0) return false;

    this.senderSsrc = feedbackSenderSsrc(bytes, offset);
    this.mediaSsrc = feedbackMediaSsrc(bytes, offset);
    this.baseSequenceNumber = readU16(bytes, offset + 12) as SeqNum;
    this.packetStatusCount = packetStatusCount;
    this.referenceTime = readU24(bytes, offset + 16);
    this.feedbackCount = bytes[offset + 19];
    this.arrivalUs = 0;
    this.#bytes = bytes;
    this.#chunkPosition = chunks;
    this.#deltaPosition = deltas;
    this.#chunkLeft = 0;
    return true;
  }

  /** Moves to the next packet; false at the end. */
  next(): boolean {
    if (this.#index === this.packetStatusCount) return false;
    while (this.#chunkLeft === 0) this.#enterChunk();
    const status = this.#nextStatus();
    this.sequenceNumber = seqAdd(this.baseSequenceNumber, this.#index);
    this.#index++;
    this.received = status !== PacketStatus.NOT_RECEIVED;
    if (status === PacketStatus.SMALL_DELTA) {
      this.arrivalUs += this.#bytes[this.#deltaPosition] * DELTA_TICK_US;
      this.#deltaPosition += 1;
    } else if (status === PacketStatus.LARGE_DELTA) {
      const ticks = (readU16(this.#bytes, this.#deltaPosition) << 16) >> 16;
      this.arrivalUs += ticks * DELTA_TICK_US;
      this.#deltaPosition += 2;
    }
    return true;
  }

  #enterChunk(): void {
    const chunk = readU16(this.#bytes, this.#chunkPosition);
    this.#chunkPosition += 2;
    this.#chunkLeft = chunkLength(chunk);
    this.#symbolBits = (chunk & 0x8000) === 0 ? 0 : (chunk & 0x4000) === 0 ? 1 : 2;
    // Run length: the status stays on top. Vector: 14 bits, moved up so that the next status is on top.
    this.#vector = this.#symbolBits === 0 ? (chunk >> 13) & 3 : chunk & 0x3fff;
  }

  #nextStatus(): number {
    this.#chunkLeft--;
    if (this.#symbolBits === 0) return this.#vector;
    const shift = 14 - this.#symbolBits;
    const status = this.#vector >> shift;
    this.#vector = (this.#vector << this.#symbolBits) & 0x3fff;
    return status;
  }
}

/** Statuses that a chunk holds. */
function chunkLength(chunk: number): number {
  if ((chunk & 0x8000) === 0) return chunk & 0x1fff;
  return (chunk & 0x4000) === 0 ? 14 : 7;
}

/** Offset of the first delta, or -1 where chunks or deltas run past `end` or a reserved status is used. */
function checkChunks(bytes: Uint8Array, start: number, end: number, statusCount: number): number {
  if (statusCount === 0) return -1;
  let position = start;
  let left = statusCount;
  let deltaBytes = 0;
  while (left > 0) {
    if (position + 2 > end) return -1;
    const chunk = readU16(bytes, position);
    position += 2;
    const length = Math.min(left, chunkLength(chunk));
    const chunkDeltaBytes = deltaBytesOf(chunk, length);
    if (chunkDeltaBytes < 0) return -1;
    deltaBytes += chunkDeltaBytes;
    left -= length;
  }
  return position + deltaBytes <= end ? position : -1;
}

/** Bytes of delta that the first `length` statuses of a chunk need; a status's value is its number of bytes. */
function deltaBytesOf(chunk: number, length: number): number {
  if ((chunk & 0x8000) === 0) {
    const status = (chunk >> 13) & 3;
    return status === 3 && length > 0 ? -1 : status * length;
  }
  const symbolBits = (chunk & 0x4000) === 0 ? 1 : 2;
  const mask = symbolBits === 1 ? 1 : 3;
  let deltaBytes = 0;
  for (let i = 1; i <= length; i++) {
    const status = (chunk >> (14 - i * symbolBits)) & mask;
    if (status === 3) return -1;
    deltaBytes += status;
  }
  return deltaBytes;
}

/** Turns the 24-bit reference times of one sender into microseconds that go on across the wrap (each 12.4 days). */
export class ReferenceTimeUnwrapper {
  #last = -1;
  #ticks = 0;

  /** Microseconds; the first reference time comes out as it is. */
  unwrapUs(referenceTime: number): number {
    if (this.#last < 0) this.#ticks = referenceTime;
    else this.#ticks += delta24(referenceTime, this.#last);
    this.#last = referenceTime;
    return this.#ticks * REFERENCE_TICK_US;
  }
}
