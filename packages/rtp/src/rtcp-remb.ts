import { readU24, readU32, writeU24, writeU32 } from "./byte-order.ts";
import { FEEDBACK_HEADER_BYTES, feedbackSenderSsrc, isFeedback, writeFeedbackHeader } from "./rtcp-header.ts";
import { PayloadFeedbackFormat, RtcpType } from "./rtcp-reader.ts";
import type { Ssrc } from "./units.ts";

/** "REMB" */
const IDENTIFIER = 0x52_45_4d_42;
const FIXED_BYTES = FEEDBACK_HEADER_BYTES + 8;
const MAX_MANTISSA = 0x3_ffff;
const MAX_SSRCS = 255;

/** Reads a receiver-estimated maximum bitrate where it lies (draft-alvestrand-rmcat-remb-03 §2.2). */
export class RembReader {
  senderSsrc = 0 as Ssrc;
  /** Total over the listed streams, bits a second. */
  bitrateBps = 0;
  ssrcCount = 0;

  #bytes: Uint8Array = new Uint8Array(0);
  #offset = 0;

  /** False where none with all its streams lies there, or its bitrate is beyond 2^53. */
  set(bytes: Uint8Array, offset: number, length: number): boolean {
    const type = RtcpType.PAYLOAD_FEEDBACK;
    if (!isFeedback(bytes, offset, length, type, PayloadFeedbackFormat.AFB, FIXED_BYTES)) return false;
    if (readU32(bytes, offset + FEEDBACK_HEADER_BYTES) !== IDENTIFIER) return false;
    const ssrcCount = bytes[offset + 16];
    if (FIXED_BYTES + 4 * ssrcCount > length) return false;
    const exponent = bytes[offset + 17] >> 2;
    const mantissa = readU24(bytes, offset + 17) & MAX_MANTISSA;
    const bitrateBps = mantissa * 2 ** exponent;
    if (bitrateBps > Number.MAX_SAFE_INTEGER) return false;
    this.senderSsrc = feedbackSenderSsrc(bytes, offset);
    this.bitrateBps = bitrateBps;
    this.ssrcCount = ssrcCount;
    this.#bytes = bytes;
    this.#offset = offset;
    return true;
  }

  /** Stream `index`, or -1 where there is none. */
  ssrc(index: number): Ssrc | -1 {
    if (index < 0 || index >= this.ssrcCount) return -1;
    return readU32(this.#bytes, this.#offset + FIXED_BYTES + 4 * index) as Ssrc;
  }
}

/**
 * Writes a REMB for the first `ssrcCount` of `ssrcs`; the bitrate is rounded down to 18 significant bits. Returns the
 * offset after it, or -1 when it does not fit or the bitrate is no safe integer.
 */
export function writeRemb(
  target: Uint8Array,
  offset: number,
  senderSsrc: Ssrc,
  bitrateBps: number,
  ssrcs: readonly Ssrc[],
  ssrcCount: number,
): number {
  const byteLength = FIXED_BYTES + 4 * ssrcCount;
  if (ssrcCount > MAX_SSRCS || offset + byteLength > target.length) return -1;
  if (!Number.isSafeInteger(bitrateBps) || bitrateBps < 0) return -1;
  let mantissa = bitrateBps;
  let exponent = 0;
  while (mantissa > MAX_MANTISSA) {
    mantissa = Math.floor(mantissa / 2);
    exponent++;
  }
  const type = RtcpType.PAYLOAD_FEEDBACK;
  writeFeedbackHeader(target, offset, PayloadFeedbackFormat.AFB, type, byteLength, senderSsrc, 0 as Ssrc);
  writeU32(target, offset + FEEDBACK_HEADER_BYTES, IDENTIFIER);
  target[offset + 16] = ssrcCount;
  writeU24(target, offset + 17, (exponent << 18) | mantissa);
  for (let i = 0; i < ssrcCount; i++) writeU32(target, offset + FIXED_BYTES + 4 * i, ssrcs[i]);
  return offset + byteLength;
}
