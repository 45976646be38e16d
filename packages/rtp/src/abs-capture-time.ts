import { readU32, writeU32 } from "./byte-order.ts";
import { ntpFractionFromUnixUs, ntpSecondsFromUnixUs, unixUsFromNtp } from "./ntp.ts";

/** Lengths of the element's data (http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time). */
export const ABS_CAPTURE_TIME_BYTES = 8;
/** With the estimated offset between the capturer's clock and the sender's. */
export const ABS_CAPTURE_TIME_WITH_OFFSET_BYTES = 16;

const FRACTIONS_PER_US = 0x1_0000_0000 / 1_000_000;

/** When the first sample of a packet was captured, microseconds since 1970 on the capturer's clock. */
export function readAbsCaptureTimeUs(bytes: Uint8Array, offset: number): number {
  return unixUsFromNtp(readU32(bytes, offset), readU32(bytes, offset + 4));
}

/**
 * Estimated capture clock offset in microseconds (what to add to the sender's clock to get the capturer's), from an
 * element of ABS_CAPTURE_TIME_WITH_OFFSET_BYTES: signed 32.32 seconds.
 */
export function readCaptureClockOffsetUs(bytes: Uint8Array, offset: number): number {
  const seconds = readU32(bytes, offset + 8) | 0;
  const fraction = readU32(bytes, offset + 12);
  return seconds * 1_000_000 + Math.round(fraction / FRACTIONS_PER_US);
}

/** Writes the short form into a reserved element. */
export function writeAbsCaptureTime(target: Uint8Array, offset: number, captureUnixUs: number): void {
  writeU32(target, offset, ntpSecondsFromUnixUs(captureUnixUs));
  writeU32(target, offset + 4, ntpFractionFromUnixUs(captureUnixUs));
}

/** Writes the clock offset of the long form into a reserved element. */
export function writeCaptureClockOffset(target: Uint8Array, offset: number, offsetUs: number): void {
  const seconds = Math.floor(offsetUs / 1_000_000);
  const fraction = Math.round((offsetUs - seconds * 1_000_000) * FRACTIONS_PER_US);
  writeU32(target, offset + 8, seconds >>> 0);
  writeU32(target, offset + 12, fraction >>> 0);
}
