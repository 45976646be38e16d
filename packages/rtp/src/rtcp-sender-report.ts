import { readU32, writeU32 } from "./byte-order.ts";
import { REPORT_BLOCK_BYTES, readReportBlock, writeReportBlock } from "./report-block.ts";
import type { ReportBlock } from "./report-block.ts";
import { isRtcpPacket, writeRtcpHeader } from "./rtcp-header.ts";
import { RTCP_MAX_COUNT, RtcpType } from "./rtcp-reader.ts";
import type { RtpTimestamp, Ssrc } from "./units.ts";

const FIXED_BYTES = 28;

/** What a sender report says about its sender (RFC 3550 §6.4.1). */
export interface SenderReportFields {
  readonly ssrc: Ssrc;
  /** NTP time, upper and lower 32 bits (see ntp.ts). */
  readonly ntpSeconds: number;
  readonly ntpFraction: number;
  /** The same instant on the stream's RTP clock. */
  readonly rtpTimestamp: RtpTimestamp;
  /** Packets and payload octets sent; wrap at 2^32. */
  readonly packetCount: number;
  readonly octetCount: number;
}

/** Reads a sender report where it lies. */
export class SenderReportReader implements SenderReportFields {
  ssrc = 0 as Ssrc;
  ntpSeconds = 0;
  ntpFraction = 0;
  rtpTimestamp = 0 as RtpTimestamp;
  packetCount = 0;
  octetCount = 0;
  /** Number of report blocks. */
  blockCount = 0;

  #bytes: Uint8Array = new Uint8Array(0);
  #blocks = 0;

  /** False where no sender report with all its blocks lies there. */
  set(bytes: Uint8Array, offset: number, length: number): boolean {
    if (!isRtcpPacket(bytes, offset, length, RtcpType.SENDER_REPORT, FIXED_BYTES)) return false;
    const blockCount = bytes[offset] & 0x1f;
    if (FIXED_BYTES + blockCount * REPORT_BLOCK_BYTES > length) return false;
    this.ssrc = readU32(bytes, offset + 4) as Ssrc;
    this.ntpSeconds = readU32(bytes, offset + 8);
    this.ntpFraction = readU32(bytes, offset + 12);
    this.rtpTimestamp = readU32(bytes, offset + 16) as RtpTimestamp;
    this.packetCount = readU32(bytes, offset + 20);
    this.octetCount = readU32(bytes, offset + 24);
    this.blockCount = blockCount;
    this.#bytes = bytes;
    this.#blocks = offset + FIXED_BYTES;
    return true;
  }

  /** Fills `block` with report block `index`; false where there is none. */
  readBlock(index: number, block: ReportBlock): boolean {
    if (index < 0 || index >= this.blockCount) return false;
    readReportBlock(this.#bytes, this.#blocks + index * REPORT_BLOCK_BYTES, block);
    return true;
  }
}

/**
 * Writes a sender report with the first `blockCount` (at most 31) of `blocks`. Returns the offset after it, or -1 when
 * it does not fit.
 */
export function writeSenderReport(
  target: Uint8Array,
  offset: number,
  report: SenderReportFields,
  blocks: readonly ReportBlock[],
  blockCount: number,
): number {
  const byteLength = FIXED_BYTES + blockCount * REPORT_BLOCK_BYTES;
  if (blockCount > RTCP_MAX_COUNT || offset + byteLength > target.length) return -1;
  writeRtcpHeader(target, offset, blockCount, RtcpType.SENDER_REPORT, byteLength);
  writeU32(target, offset + 4, report.ssrc);
  writeU32(target, offset + 8, report.ntpSeconds);
  writeU32(target, offset + 12, report.ntpFraction);
  writeU32(target, offset + 16, report.rtpTimestamp);
  writeU32(target, offset + 20, report.packetCount);
  writeU32(target, offset + 24, report.octetCount);
  for (let i = 0; i < blockCount; i++) {
    writeReportBlock(target, offset + FIXED_BYTES + i * REPORT_BLOCK_BYTES, blocks[i]);
  }
  return offset + byteLength;
}
