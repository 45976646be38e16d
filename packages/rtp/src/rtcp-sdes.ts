import { copyBytes, readU32, writeU32 } from "./byte-order.ts";
import { isRtcpPacket, writeRtcpHeader } from "./rtcp-header.ts";
import { RTCP_HEADER_BYTES, RtcpType } from "./rtcp-reader.ts";
import type { Ssrc } from "./units.ts";

/** SDES item types (RFC 3550 §6.5, RFC 8852 §4, RFC 8843 §15). */
export const SdesItem = { END: 0, CNAME: 1, RTP_STREAM_ID: 12, REPAIRED_RTP_STREAM_ID: 13, MID: 15 } as const;

const MAX_VALUE_BYTES = 255;

/** Steps through the items of a source description where it lies, chunk after chunk (RFC 3550 §6.5). */
export class SdesReader {
  /** The source that the current item describes. */
  ssrc = 0 as Ssrc;
  itemType = 0;
  /** Absolute offset of the item's text, UTF-8. */
  valueOffset = 0;
  valueBytes = 0;
  /** Set when `next` stopped at a chunk or item that runs past the end. */
  malformed = false;

  #bytes: Uint8Array = new Uint8Array(0);
  #start = 0;
  #position = 0;
  #end = 0;
  #chunksLeft = 0;
  #insideChunk = false;

  /** Starts on an SDES packet; false where none lies there. */
  set(bytes: Uint8Array, offset: number, length: number): boolean {
    this.#chunksLeft = 0;
    this.#insideChunk = false;
    this.malformed = false;
    if (!isRtcpPacket(bytes, offset, length, RtcpType.SDES, RTCP_HEADER_BYTES)) return false;
    this.#bytes = bytes;
    this.#start = offset;
    this.#position = offset + RTCP_HEADER_BYTES;
    this.#end = offset + length;
    this.#chunksLeft = bytes[offset] & 0x1f;
    return true;
  }

  /** Moves to the next item. False at the end, or where the rest is malformed. */
  next(): boolean {
    for (;;) {
      if (!this.#insideChunk && !this.#enterChunk()) return false;
      if (this.#position >= this.#end) return this.#stop();
      const itemType = this.#bytes[this.#position];
      if (itemType === SdesItem.END) {
        this.#leaveChunk();
        continue;
      }
      if (this.#position + 2 > this.#end) return this.#stop();
      const valueBytes = this.#bytes[this.#position + 1];
      const valueOffset = this.#position + 2;
      if (valueOffset + valueBytes > this.#end) return this.#stop();
      this.itemType = itemType;
      this.valueOffset = valueOffset;
      this.valueBytes = valueBytes;
      this.#position = valueOffset + valueBytes;
      return true;
    }
  }

  #enterChunk(): boolean {
    if (this.#chunksLeft === 0) return false;
    if (this.#position + 4 > this.#end) return this.#stop();
    this.ssrc = readU32(this.#bytes, this.#position) as Ssrc;
    this.#position += 4;
    this.#chunksLeft--;
    this.#insideChunk = true;
    return true;
  }

  /** Skips the null octets that end a chunk and fill it to a word, counted from the packet's start. */
  #leaveChunk(): void {
    const used = this.#position + 1 - this.#start;
    this.#position = this.#start + ((used + 3) & ~3);
    this.#insideChunk = false;
  }

  #stop(): false {
    this.malformed = true;
    this.#chunksLeft = 0;
    this.#insideChunk = false;
    this.#position = this.#end;
    return false;
  }
}

/**
 * Writes an SDES packet with one chunk of one item. `value` is UTF-8, at most 255 bytes. Returns the offset after it, or
 * -1 when it does not fit.
 */
export function writeSdes(target: Uint8Array, offset: number, ssrc: Ssrc, itemType: number, value: Uint8Array): number {
  const used = RTCP_HEADER_BYTES + 4 + 2 + value.length;
  const byteLength = (used + 1 + 3) & ~3;
  if (value.length > MAX_VALUE_BYTES || offset + byteLength > target.length) return -1;
  writeRtcpHeader(target, offset, 1, RtcpType.SDES, byteLength);
  writeU32(target, offset + 4, ssrc);
  target[offset + 8] = itemType;
  target[offset + 9] = value.length;
  copyBytes(target, offset + 10, value, 0, value.length);
  target.fill(0, offset + used, offset + byteLength);
  return offset + byteLength;
}

/** Writes the SDES packet that every compound carries: the CNAME of `ssrc` (RFC 3550 §6.5.1). */
export function writeSdesCname(target: Uint8Array, offset: number, ssrc: Ssrc, cname: Uint8Array): number {
  return writeSdes(target, offset, ssrc, SdesItem.CNAME, cname);
}
