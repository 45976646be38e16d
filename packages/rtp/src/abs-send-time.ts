import { readU24, writeU24 } from "./byte-order.ts";
import { delta24 } from "./sequence.ts";

/** Length of the element's data (http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time). */
export const ABS_SEND_TIME_BYTES = 3;

const WRAP_US = 64_000_000;
const TICKS_PER_SECOND = 0x4_0000;

/** Time as 24 bits, 6.18 fixed point seconds: wraps each 64 s, a tick is 3.8 µs. */
export function absSendTimeFromUs(timeUs: number): number {
  return Math.round(((timeUs % WRAP_US) * TICKS_PER_SECOND) / 1_000_000) & 0xff_ffff;
}

/** a − b of two wire values, the short way round, in microseconds. */
export function absSendTimeDeltaUs(a: number, b: number): number {
  return (delta24(a, b) * 1_000_000) / TICKS_PER_SECOND;
}

/** The wire value at `offset`, where `findExtension` found 3 bytes. */
export function readAbsSendTime(bytes: Uint8Array, offset: number): number {
  return readU24(bytes, offset);
}

/** Writes a wire value into a reserved element. */
export function writeAbsSendTime(target: Uint8Array, offset: number, value: number): void {
  writeU24(target, offset, value);
}
