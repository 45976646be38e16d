import { readU24, readU32, writeU24, writeU32 } from "./byte-order.ts";
import type { Ssrc } from "./units.ts";

/** Length of a report block on the wire. */
export const REPORT_BLOCK_BYTES = 24;

const MAX_LOST = 0x7f_ffff;
const MIN_LOST = -0x80_0000;

/** What a receiver says about one stream (RFC 3550 §6.4.1). Reused: filled by a read or by hand. */
export class ReportBlock {
  /** The stream that is reported on. */
  ssrc = 0 as Ssrc;
  /** Loss since the last report, in 1/256. */
  fractionLost = 0;
  /** Since the start; negative where duplicates outnumber losses. Clamped to 24 bits when written. */
  cumulativeLost = 0;
  /** Highest sequence number received, the receiver's count of cycles in the upper 16 bits. */
  highestSequence = 0;
  /** Interarrival jitter in RTP ticks. */
  jitter = 0;
  /** Compact NTP time of the last sender report, 0 for none. */
  lastSenderReport = 0;
  /** Since that report arrived, in 1/65536 s. */
  delaySinceLastSenderReport = 0;
}

/** Fills `block` from the bytes at `offset`; the caller knows that REPORT_BLOCK_BYTES are there. */
export function readReportBlock(bytes: Uint8Array, offset: number, block: ReportBlock): void {
  block.ssrc = readU32(bytes, offset) as Ssrc;
  block.fractionLost = bytes[offset + 4];
  block.cumulativeLost = (readU24(bytes, offset + 5) << 8) >> 8;
  block.highestSequence = readU32(bytes, offset + 8);
  block.jitter = readU32(bytes, offset + 12);
  block.lastSenderReport = readU32(bytes, offset + 16);
  block.delaySinceLastSenderReport = readU32(bytes, offset + 20);
}

/** Writes `block` at `offset`; the caller knows that there is room. */
export function writeReportBlock(target: Uint8Array, offset: number, block: ReportBlock): void {
  const lost = Math.min(MAX_LOST, Math.max(MIN_LOST, block.cumulativeLost));
  writeU32(target, offset, block.ssrc);
  target[offset + 4] = Math.min(255, block.fractionLost);
  writeU24(target, offset + 5, lost & 0xff_ffff);
  writeU32(target, offset + 8, block.highestSequence);
  writeU32(target, offset + 12, block.jitter);
  writeU32(target, offset + 16, block.lastSenderReport);
  writeU32(target, offset + 20, block.delaySinceLastSenderReport);
}
