import { readU16, readU32, writeU16, writeU32 } from "./byte-order.ts";
import { isRtcpPacket, writeRtcpHeader } from "./rtcp-header.ts";
import { RtcpType } from "./rtcp-reader.ts";
import type { Ssrc } from "./units.ts";

/** Block types of extended reports that give receivers a round trip (RFC 3611 §4.4, §4.5). */
export const XrBlockType = { RECEIVER_REFERENCE_TIME: 4, DELAY_SINCE_LAST_RR: 5 } as const;

const FIXED_BYTES = 8;
const BLOCK_HEADER_BYTES = 4;
const RRTR_BYTES = BLOCK_HEADER_BYTES + 8;
const DLRR_ITEM_BYTES = 12;

/** What a sender answers to one receiver's reference time (RFC 3611 §4.5). */
export class DelaySinceLastRr {
  /** The receiver that is answered. */
  ssrc = 0 as Ssrc;
  /** Compact NTP time of its last reference time block. */
  lastRr = 0;
  /** Since that block arrived, in 1/65536 s. */
  delaySinceLastRr = 0;
}

/** Steps through the blocks of an extended report where it lies (RFC 3611 §2, §3). */
export class XrReader {
  senderSsrc = 0 as Ssrc;
  blockType = 0;
  /** Absolute offset of the current block's header. */
  blockOffset = 0;
  /** Length of the current block, header included. */
  blockBytes = 0;
  /** Receiver reference time block: its NTP time; 0 in other blocks. */
  ntpSeconds = 0;
  ntpFraction = 0;
  /** DLRR block: number of items; 0 in other blocks. */
  itemCount = 0;
  /** Set when `next` stopped at a block that runs past the end. */
  malformed = false;

  #bytes: Uint8Array = new Uint8Array(0);
  #position = 0;
  #end = 0;

  /** Starts on an extended report; false where none lies there. */
  set(bytes: Uint8Array, offset: number, length: number): boolean {
    this.malformed = false;
    this.itemCount = 0;
    this.#position = 0;
    this.#end = 0;
    if (!isRtcpPacket(bytes, offset, length, RtcpType.EXTENDED_REPORT, FIXED_BYTES)) return false;
    this.senderSsrc = readU32(bytes, offset + 4) as Ssrc;
    this.#bytes = bytes;
    this.#position = offset + FIXED_BYTES;
    this.#end = offset + length;
    return true;
  }

  /** Moves to the next block. False at the end, or where the rest is malformed. */
  next(): boolean {
    this.itemCount = 0;
    this.ntpSeconds = 0;
    this.ntpFraction = 0;
    const start = this.#position;
    if (start === this.#end) return false;
    if (start + BLOCK_HEADER_BYTES > this.#end) return this.#stop();
    const blockBytes = BLOCK_HEADER_BYTES + 4 * readU16(this.#bytes, start + 2);
    if (start + blockBytes > this.#end) return this.#stop();
    this.blockType = this.#bytes[start];
    this.blockOffset = start;
    this.blockBytes = blockBytes;
    this.#position = start + blockBytes;
    if (this.blockType === XrBlockType.RECEIVER_REFERENCE_TIME) {
      if (blockBytes < RRTR_BYTES) return this.#stop();
      this.ntpSeconds = readU32(this.#bytes, start + 4);
      this.ntpFraction = readU32(this.#bytes, start + 8);
    } else if (this.blockType === XrBlockType.DELAY_SINCE_LAST_RR) {
      this.itemCount = Math.floor((blockBytes - BLOCK_HEADER_BYTES) / DLRR_ITEM_BYTES);
    }
    return true;
  }

  /** Fills `item` with item `index` of the current DLRR block; false where there is none. */
  readItem(index: number, item: DelaySinceLastRr): boolean {
    if (index < 0 || index >= this.itemCount) return false;
    const offset = this.blockOffset + BLOCK_HEADER_BYTES + index * DLRR_ITEM_BYTES;
    item.ssrc = readU32(this.#bytes, offset) as Ssrc;
    item.lastRr = readU32(this.#bytes, offset + 4);
    item.delaySinceLastRr = readU32(this.#bytes, offset + 8);
    return true;
  }

  #stop(): false {
    this.malformed = true;
    this.#position = this.#end;
    return false;
  }
}

/** Writes a report with one receiver reference time block. Returns the offset after it, or -1 when it does not fit. */
export function writeReceiverReferenceTime(
  target: Uint8Array,
  offset: number,
  senderSsrc: Ssrc,
  ntpSeconds: number,
  ntpFraction: number,
): number {
  const byteLength = FIXED_BYTES + RRTR_BYTES;
  if (offset + byteLength > target.length) return -1;
  writeRtcpHeader(target, offset, 0, RtcpType.EXTENDED_REPORT, byteLength);
  writeU32(target, offset + 4, senderSsrc);
  writeBlockHeader(target, offset + 8, XrBlockType.RECEIVER_REFERENCE_TIME, RRTR_BYTES);
  writeU32(target, offset + 12, ntpSeconds);
  writeU32(target, offset + 16, ntpFraction);
  return offset + byteLength;
}

/** Writes a report with one DLRR block of `itemCount` items. Returns the offset after it, or -1 when it does not fit. */
export function writeDelaySinceLastRr(
  target: Uint8Array,
  offset: number,
  senderSsrc: Ssrc,
  items: readonly DelaySinceLastRr[],
  itemCount: number,
): number {
  const blockBytes = BLOCK_HEADER_BYTES + itemCount * DLRR_ITEM_BYTES;
  const byteLength = FIXED_BYTES + blockBytes;
  if (offset + byteLength > target.length) return -1;
  writeRtcpHeader(target, offset, 0, RtcpType.EXTENDED_REPORT, byteLength);
  writeU32(target, offset + 4, senderSsrc);
  writeBlockHeader(target, offset + 8, XrBlockType.DELAY_SINCE_LAST_RR, blockBytes);
  for (let i = 0; i < itemCount; i++) {
    const position = offset + 12 + i * DLRR_ITEM_BYTES;
    writeU32(target, position, items[i].ssrc);
    writeU32(target, position + 4, items[i].lastRr);
    writeU32(target, position + 8, items[i].delaySinceLastRr);
  }
  return offset + byteLength;
}

function writeBlockHeader(target: Uint8Array, offset: number, blockType: number, blockBytes: number): void {
  target[offset] = blockType;
  target[offset + 1] = 0;
  writeU16(target, offset + 2, (blockBytes >> 2) - 1);
}
