import { rangeFits } from "../byte-order.ts";

/** RTP clock of Opus, whatever the coded bandwidth (RFC 7587 §4.1). */
export const OPUS_CLOCK_RATE_HZ = 48_000;

/** A packet never lasts longer (RFC 6716 §3.2.5, R5). */
const MAX_PACKET_TICKS = 5760;
/** libopus hands out packets this short when it has nothing to say (opus_encode, OPUS_SET_DTX). */
const MAX_DTX_BYTES = 2;

/** Ticks of one frame by the TOC's configuration number (RFC 6716 §3.1). */
export function opusFrameTicks(toc: number): number {
  const config = toc >> 3;
  // SILK: 10, 20, 40, 60 ms. Hybrid: 10, 20 ms. CELT: 2.5, 5, 10, 20 ms.
  if (config < 12) return (config & 3) === 3 ? 2880 : 480 << (config & 3);
  if (config < 16) return 480 << (config & 1);
  return 120 << (config & 3);
}

/** Channels that were coded: 1 or 2 (the s bit of the TOC). */
export function opusChannels(toc: number): number {
  return (toc & 0x04) === 0 ? 1 : 2;
}

/** Frames in a packet, or -1 where there is none or the count is out of range (RFC 6716 §3.2). */
export function opusFrameCount(bytes: Uint8Array, offset: number, length: number): number {
  if (length < 1 || !rangeFits(bytes, offset, length)) return -1;
  const code = bytes[offset] & 0x03;
  if (code === 0) return 1;
  if (code < 3) return 2;
  if (length < 2) return -1;
  const count = bytes[offset + 1] & 0x3f;
  return count === 0 ? -1 : count;
}

/** Duration of a packet in ticks of 48 kHz, or -1 where it is malformed or beyond 120 ms. */
export function opusPacketTicks(bytes: Uint8Array, offset: number, length: number): number {
  const frameCount = opusFrameCount(bytes, offset, length);
  if (frameCount < 0) return -1;
  const ticks = frameCount * opusFrameTicks(bytes[offset]);
  return ticks <= MAX_PACKET_TICKS ? ticks : -1;
}

/** Whether a payload of this length is one that discontinuous transmission makes. */
export function isOpusDtx(payloadBytes: number): boolean {
  return payloadBytes > 0 && payloadBytes <= MAX_DTX_BYTES;
}
