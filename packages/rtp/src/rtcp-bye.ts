import { copyBytes, readU32, writeU32 } from "./byte-order.ts";
import { isRtcpPacket, writeRtcpHeader } from "./rtcp-header.ts";
import { RTCP_HEADER_BYTES, RTCP_MAX_COUNT, RtcpType } from "./rtcp-reader.ts";
import type { Ssrc } from "./units.ts";

const MAX_REASON_BYTES = 255;

/** Reads a goodbye where it lies (RFC 3550 §6.6). */
export class ByeReader {
  /** Number of sources that leave. */
  ssrcCount = 0;
  /** Absolute offset of the reason, UTF-8; -1 where there is none. */
  reasonOffset = -1;
  reasonBytes = 0;

  #bytes: Uint8Array = new Uint8Array(0);
  #offset = 0;

  /** False where no goodbye with all its sources lies there, or its reason runs past the end. */
  set(bytes: Uint8Array, offset: number, length: number): boolean {
    if (!isRtcpPacket(bytes, offset, length, RtcpType.BYE, RTCP_HEADER_BYTES)) return false;
    const ssrcCount = bytes[offset] & 0x1f;
    const position = RTCP_HEADER_BYTES + 4 * ssrcCount;
    if (position > length) return false;
    const hasReason = position < length;
    const reasonBytes = hasReason ? bytes[offset + position] : 0;
    if (hasReason && position + 1 + reasonBytes > length) return false;
    this.reasonOffset = hasReason ? offset + position + 1 : -1;
    this.reasonBytes = reasonBytes;
    this.ssrcCount = ssrcCount;
    this.#bytes = bytes;
    this.#offset = offset;
    return true;
  }

  /** Source `index`, or -1 where there is none. */
  ssrc(index: number): Ssrc | -1 {
    if (index < 0 || index >= this.ssrcCount) return -1;
    return readU32(this.#bytes, this.#offset + RTCP_HEADER_BYTES + 4 * index) as Ssrc;
  }
}

/**
 * Writes a goodbye of the first `ssrcCount` (at most 31) of `ssrcs`; `reason` is UTF-8, at most 255 bytes, empty for
 * none. Returns the offset after it, or -1 when it does not fit.
 */
export function writeBye(
  target: Uint8Array,
  offset: number,
  ssrcs: readonly Ssrc[],
  ssrcCount: number,
  reason: Uint8Array,
): number {
  const sourcesBytes = RTCP_HEADER_BYTES + 4 * ssrcCount;
  const used = reason.length === 0 ? sourcesBytes : sourcesBytes + 1 + reason.length;
  const byteLength = (used + 3) & ~3;
  if (ssrcCount > RTCP_MAX_COUNT || reason.length > MAX_REASON_BYTES) return -1;
  if (offset + byteLength > target.length) return -1;
  writeRtcpHeader(target, offset, ssrcCount, RtcpType.BYE, byteLength);
  for (let i = 0; i < ssrcCount; i++) writeU32(target, offset + RTCP_HEADER_BYTES + 4 * i, ssrcs[i]);
  if (reason.length > 0) {
    target[offset + sourcesBytes] = reason.length;
    copyBytes(target, offset + sourcesBytes + 1, reason, 0, reason.length);
  }
  target.fill(0, offset + used, offset + byteLength);
  return offset + byteLength;
}
