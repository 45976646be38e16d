import { readU16, readU32, writeU16, writeU32 } from "./byte-order.ts";
import type { PayloadType, RtpTimestamp, SeqNum, Ssrc } from "./units.ts";

/** Length of the RTP header without CSRCs and extension (RFC 3550 §5.1). */
export const RTP_FIXED_HEADER_BYTES = 12;

/**
 * Writes a fixed RTP header without CSRCs and padding; returns the offset after it, or -1 when it does not fit.
 * `hasExtension` announces the block that the caller writes next.
 */
export function writeRtpHeader(
  target: Uint8Array,
  offset: number,
  payloadType: PayloadType | number,
  marker: boolean,
  sequenceNumber: SeqNum | number,
  timestamp: RtpTimestamp | number,
  ssrc: Ssrc | number,
  hasExtension: boolean,
): number {
  if (offset + RTP_FIXED_HEADER_BYTES > target.length) return -1;
  target[offset] = hasExtension ? 0x90 : 0x80;
  target[offset + 1] = (payloadType & 0x7f) | (marker ? 0x80 : 0);
  writeU16(target, offset + 2, sequenceNumber);
  writeU32(target, offset + 4, timestamp);
  writeU32(target, offset + 8, ssrc);
  return offset + RTP_FIXED_HEADER_BYTES;
}

/*
 * Patches of a packet that starts at `offset`; the caller knows that a header is there.
 */

export function patchPayloadType(target: Uint8Array, offset: number, payloadType: number): void {
  target[offset + 1] = (target[offset + 1] & 0x80) | (payloadType & 0x7f);
}

export function patchMarker(target: Uint8Array, offset: number, marker: boolean): void {
  target[offset + 1] = (target[offset + 1] & 0x7f) | (marker ? 0x80 : 0);
}

export function patchSequenceNumber(target: Uint8Array, offset: number, sequenceNumber: number): void {
  writeU16(target, offset + 2, sequenceNumber);
}

export function patchTimestamp(target: Uint8Array, offset: number, timestamp: number): void {
  writeU32(target, offset + 4, timestamp);
}

export function patchSsrc(target: Uint8Array, offset: number, ssrc: number): void {
  writeU32(target, offset + 8, ssrc);
}

/** Sets or clears X: whether an extension block follows the CSRCs. */
export function patchExtensionFlag(target: Uint8Array, offset: number, hasExtension: boolean): void {
  target[offset] = (target[offset] & ~0x10) | (hasExtension ? 0x10 : 0);
}

/** Sets or clears P: whether the packet ends in padding. */
export function patchPaddingFlag(target: Uint8Array, offset: number, hasPadding: boolean): void {
  target[offset] = (target[offset] & ~0x20) | (hasPadding ? 0x20 : 0);
}

/** Sequence number of the packet at `offset`, without a view; the caller knows that a header is there. */
export function peekSequenceNumber(bytes: Uint8Array, offset: number): SeqNum {
  return readU16(bytes, offset + 2) as SeqNum;
}

/** Ssrc of the packet at `offset`, without a view; the caller knows that a header is there. */
export function peekSsrc(bytes: Uint8Array, offset: number): Ssrc {
  return readU32(bytes, offset + 8) as Ssrc;
}

/**
 * Writes `count` bytes of padding (1 … 255: zeros, then the count; RFC 3550 §5.1). Returns the offset after them, or -1.
 * The P bit is the caller's.
 */
export function writePadding(target: Uint8Array, offset: number, count: number): number {
  if (count < 1 || count > 255 || offset + count > target.length) return -1;
  target.fill(0, offset, offset + count - 1);
  target[offset + count - 1] = count;
  return offset + count;
}
