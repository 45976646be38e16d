import { readU32, writeU32 } from "./byte-order.ts";
import { REPORT_BLOCK_BYTES, readReportBlock, writeReportBlock } from "./report-block.ts";
import type { ReportBlock } from "./report-block.ts";
import { isRtcpPacket, writeRtcpHeader } from "./rtcp-header.ts";
import { RTCP_MAX_COUNT, RtcpType } from "./rtcp-reader.ts";
import type { Ssrc } from "./units.ts";

const FIXED_BYTES = 8;

/** Reads a receiver report where it lies (RFC 3550 §6.4.2). */
export class ReceiverReportReader {
  /** Who reports. */
  senderSsrc = 0 as Ssrc;
  /** Number of report blocks. */
  blockCount = 0;

  #bytes: Uint8Array = new Uint8Array(0);
  #blocks = 0;

  /** False where no receiver report with all its blocks lies there. */
  set(bytes: Uint8Array, offset: number, length: number): boolean {
    if (!isRtcpPacket(bytes, offset, length, RtcpType.RECEIVER_REPORT, FIXED_BYTES)) return false;
    const blockCount = bytes[offset] & 0x1f;
    if (FIXED_BYTES + blockCount * REPORT_BLOCK_BYTES > length) return false;
    this.senderSsrc = readU32(bytes, offset + 4) as Ssrc;
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
 * Writes a receiver report with the first `blockCount` (at most 31; 0 makes an empty one) of `blocks`. Returns the
 * offset after it, or -1 when it does not fit.
 */
export function writeReceiverReport(
  target: Uint8Array,
  offset: number,
  senderSsrc: Ssrc,
  blocks: readonly ReportBlock[],
  blockCount: number,
): number {
  const byteLength = FIXED_BYTES + blockCount * REPORT_BLOCK_BYTES;
  if (blockCount > RTCP_MAX_COUNT || offset + byteLength > target.length) return -1;
  writeRtcpHeader(target, offset, blockCount, RtcpType.RECEIVER_REPORT, byteLength);
  writeU32(target, offset + 4, senderSsrc);
  for (let i = 0; i < blockCount; i++) {
    writeReportBlock(target, offset + FIXED_BYTES + i * REPORT_BLOCK_BYTES, blocks[i]);
  }
  return offset + byteLength;
}
