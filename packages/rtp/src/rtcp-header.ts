import { rangeFits, readU32, writeU16, writeU32 } from "./byte-order.ts";
import type { Ssrc } from "./units.ts";

/** Header, sender's and media source's ssrc: what every feedback message starts with (RFC 4585 §6.1). */
export const FEEDBACK_HEADER_BYTES = 12;

/** Writes the four bytes that all RTCP packets share (RFC 3550 §6.4.1). `byteLength`: of the whole packet, in words. */
export function writeRtcpHeader(
  target: Uint8Array,
  offset: number,
  count: number,
  packetType: number,
  byteLength: number,
): void {
  target[offset] = 0x80 | count;
  target[offset + 1] = packetType;
  writeU16(target, offset + 2, (byteLength >> 2) - 1);
}

/** Writes the header of a feedback message of `byteLength` bytes in all. */
export function writeFeedbackHeader(
  target: Uint8Array,
  offset: number,
  format: number,
  packetType: number,
  byteLength: number,
  senderSsrc: Ssrc,
  mediaSsrc: Ssrc,
): void {
  writeRtcpHeader(target, offset, format, packetType, byteLength);
  writeU32(target, offset + 4, senderSsrc);
  writeU32(target, offset + 8, mediaSsrc);
}

/**
 * Whether a packet of this type and of at least `minimumBytes` lies at `offset`. The length in its header is the business
 * of RtcpReader, which has turned it into `length`.
 */
export function isRtcpPacket(
  bytes: Uint8Array,
  offset: number,
  length: number,
  packetType: number,
  minimumBytes: number,
): boolean {
  if (length < minimumBytes || !rangeFits(bytes, offset, length)) return false;
  return bytes[offset] >> 6 === 2 && bytes[offset + 1] === packetType;
}

/** The same for a feedback message with this FMT. */
export function isFeedback(
  bytes: Uint8Array,
  offset: number,
  length: number,
  packetType: number,
  format: number,
  minimumBytes: number,
): boolean {
  return isRtcpPacket(bytes, offset, length, packetType, minimumBytes) && (bytes[offset] & 0x1f) === format;
}

/** Who sent the feedback message at `offset`, known to be one. */
export function feedbackSenderSsrc(bytes: Uint8Array, offset: number): Ssrc {
  return readU32(bytes, offset + 4) as Ssrc;
}

/** Which stream the feedback message at `offset`, known to be one, is about. */
export function feedbackMediaSsrc(bytes: Uint8Array, offset: number): Ssrc {
  return readU32(bytes, offset + 8) as Ssrc;
}
