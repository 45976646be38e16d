import { writeU16, writeU24 } from "./byte-order.ts";
import { writeFeedbackHeader } from "./rtcp-header.ts";
import { RtcpType, TransportFeedbackFormat } from "./rtcp-reader.ts";
import {
  DELTA_TICK_US,
  PacketStatus,
  REFERENCE_TICK_US,
  TRANSPORT_FEEDBACK_FIXED_BYTES,
} from "./rtcp-transport-feedback.ts";
import type { SeqNum, Ssrc } from "./units.ts";

/** Arrival that stands for "not received". */
export const NOT_RECEIVED = -1;

const TICKS_PER_REFERENCE = REFERENCE_TICK_US / DELTA_TICK_US;
const MAX_STATUSES = 4096;
const MAX_RUN_LENGTH = 0x1fff;
const ONE_BIT_STATUSES = 14;
const TWO_BIT_STATUSES = 7;

/**
 * Writes transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1). Made once a transport: it
 * holds the scratch memory.
 */
export class TransportFeedbackWriter {
  /**
   * Packets that the last `write` reported on: fewer than asked for where the target was full, a delta was beyond
   * ±8.2 s, or there were more than 4096. The next message starts with the one after them.
   */
  written = 0;

  readonly #statuses = new Uint8Array(MAX_STATUSES);

  /**
   * Reports on `count` packets from `baseSequenceNumber` on. Their arrivals, microseconds (integers ≥ 0) on any clock,
   * are `arrivalsUs[(first + i) % arrivalsUs.length]`, so that it may be a ring; NOT_RECEIVED where there was none.
   * `end` bounds the target.
   *
   * Returns the offset after the message; -1 where not even one packet fits; `offset` with `written` set to `count`
   * where none of them was received (there is nothing to take the reference time from).
   */
  write(
    target: Uint8Array,
    offset: number,
    end: number,
    senderSsrc: Ssrc,
    mediaSsrc: Ssrc,
    baseSequenceNumber: SeqNum,
    arrivalsUs: Float64Array,
    first: number,
    count: number,
    feedbackCount: number,
  ): number {
    this.written = 0;
    const referenceTime = referenceTimeOf(arrivalsUs, first, count);
    if (referenceTime < 0) {
      this.written = count;
      return offset;
    }
    const chunks = offset + TRANSPORT_FEEDBACK_FIXED_BYTES;
    const statusCount = this.#classify(arrivalsUs, first, Math.min(count, MAX_STATUSES), referenceTime);
    const room = (Math.min(end, target.length) - offset) & ~3;
    const deltas = this.#writeChunks(target, chunks, offset + room, statusCount);
    if (deltas < 0) return -1;
    const used = writeDeltas(target, deltas, arrivalsUs, first, this.written, referenceTime);

    const byteLength = (used - offset + 3) & ~3;
    writeFeedbackHeader(
      target,
      offset,
      TransportFeedbackFormat.TRANSPORT_CC,
      RtcpType.TRANSPORT_FEEDBACK,
      byteLength,
      senderSsrc,
      mediaSsrc,
    );
    writeU16(target, offset + 12, baseSequenceNumber);
    writeU16(target, offset + 14, this.written);
    writeU24(target, offset + 16, referenceTime & 0xff_ffff);
    target[offset + 19] = feedbackCount;
    if (used < offset + byteLength) fillToWord(target, offset, used, offset + byteLength);
    return offset + byteLength;
  }

  /** Gives each packet its status; returns how many can be told in one message. */
  #classify(arrivalsUs: Float64Array, first: number, count: number, referenceTime: number): number {
    let lastTicks = referenceTime * TICKS_PER_REFERENCE;
    for (let i = 0; i < count; i++) {
      const arrivalUs = arrivalsUs[(first + i) % arrivalsUs.length];
      if (arrivalUs < 0) {
        this.#statuses[i] = PacketStatus.NOT_RECEIVED;
        continue;
      }
      const ticks = Math.floor(arrivalUs / DELTA_TICK_US);
      const delta = ticks - lastTicks;
      if (delta < -0x8000 || delta > 0x7fff) return i;
      this.#statuses[i] = delta >= 0 && delta <= 0xff ? PacketStatus.SMALL_DELTA : PacketStatus.LARGE_DELTA;
      lastTicks = ticks;
    }
    return count;
  }

  /** Writes chunks while they and their deltas fit; returns the offset after them, or -1 where none did. */
  #writeChunks(target: Uint8Array, start: number, end: number, statusCount: number): number {
    let position = start;
    let deltaBytes = 0;
    let index = 0;
    while (index < statusCount) {
      const room = end - position - 2 - deltaBytes;
      if (room < 0) break;
      const length = this.#writeChunk(target, position, index, statusCount, room);
      if (length === 0) break;
      for (let i = 0; i < length; i++) deltaBytes += this.#statuses[index + i];
      index += length;
      position += 2;
    }
    this.written = index;
    return index === 0 ? -1 : position;
  }

  /** Writes the chunk that holds most from `index` on, its deltas at most `room` bytes; returns how many statuses it has. */
  #writeChunk(target: Uint8Array, position: number, index: number, statusCount: number, room: number): number {
    const statuses = this.#statuses;
    const left = statusCount - index;
    const status = statuses[index];
    let run = 1;
    while (run < left && run < MAX_RUN_LENGTH && statuses[index + run] === status) run++;

    const oneBit = this.#isOneBit(index, Math.min(left, ONE_BIT_STATUSES));
    const vectorLength = Math.min(left, oneBit ? ONE_BIT_STATUSES : TWO_BIT_STATUSES);
    if (run < vectorLength && this.#writeVector(target, position, index, vectorLength, oneBit, room)) {
      return vectorLength;
    }
    if (status > 0) run = Math.min(run, Math.floor(room / status));
    writeU16(target, position, (status << 13) | run);
    return run;
  }

  /** False where the deltas would not fit; what was written does not matter then. */
  #writeVector(
    target: Uint8Array,
    position: number,
    index: number,
    length: number,
    oneBit: boolean,
    room: number,
  ): boolean {
    let vector = oneBit ? 0x8000 : 0xc000;
    let deltaBytes = 0;
    for (let i = 0; i < length; i++) {
      const symbol = this.#statuses[index + i];
      deltaBytes += symbol;
      vector |= symbol << (oneBit ? 13 - i : 12 - 2 * i);
    }
    if (deltaBytes > room) return false;
    writeU16(target, position, vector);
    return true;
  }

  #isOneBit(index: number, length: number): boolean {
    for (let i = 0; i < length; i++) if (this.#statuses[index + i] > 1) return false;
    return true;
  }
}

/** Reference ticks at or before the first arrival; -1 where there is none. */
function referenceTimeOf(arrivalsUs: Float64Array, first: number, count: number): number {
  for (let i = 0; i < count; i++) {
    const arrivalUs = arrivalsUs[(first + i) % arrivalsUs.length];
    if (arrivalUs >= 0) return Math.floor(arrivalUs / REFERENCE_TICK_US);
  }
  return -1;
}

/** Writes the deltas of `count` packets; each is taken from the rounded time before, so that no error adds up. */
function writeDeltas(
  target: Uint8Array,
  start: number,
  arrivalsUs: Float64Array,
  first: number,
  count: number,
  referenceTime: number,
): number {
  let position = start;
  let lastTicks = referenceTime * TICKS_PER_REFERENCE;
  for (let i = 0; i < count; i++) {
    const arrivalUs = arrivalsUs[(first + i) % arrivalsUs.length];
    if (arrivalUs < 0) continue;
    const ticks = Math.floor(arrivalUs / DELTA_TICK_US);
    const delta = ticks - lastTicks;
    lastTicks = ticks;
    if (delta >= 0 && delta <= 0xff) {
      target[position++] = delta;
    } else {
      writeU16(target, position, delta & 0xffff);
      position += 2;
    }
  }
  return position;
}

/** Pads as libwebrtc does: the P bit, zeros, and the count in the last byte. */
function fillToWord(target: Uint8Array, offset: number, from: number, to: number): void {
  target[offset] |= 0x20;
  target.fill(0, from, to - 1);
  target[to - 1] = to - from;
}
