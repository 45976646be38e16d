import { rangeFits, readU16 } from "../byte-order.ts";

/** NAL unit types that matter to forwarding (H.264 table 7-1, RFC 6184 §5.2). */
export const NalType = {
  SLICE: 1,
  IDR: 5,
  SEI: 6,
  SPS: 7,
  PPS: 8,
  ACCESS_UNIT_DELIMITER: 9,
  STAP_A: 24,
  FU_A: 28,
} as const;

const FU_START = 0x80;
const FU_END = 0x40;

/**
 * Steps through the NAL units of an H264 RTP payload where it lies: single NAL unit, STAP-A or FU-A packets (RFC 6184
 * §5.6, §5.7.1, §5.8). H264 as browsers send it has no temporal layers in the payload.
 */
export class H264Payload {
  /** Type in the payload's first octet: a NAL unit type, or STAP_A, or FU_A. */
  packetType = 0;
  /** A keyframe starts here: an SPS, or an IDR slice that holds the picture's first macroblock. */
  keyframe = false;
  hasSps = false;
  hasPps = false;
  /** An IDR slice starts or continues here. */
  hasIdr = false;
  /** FU-A: the fragment is the first or last of its NAL unit. True for whole NAL units. */
  startsNalUnit = false;
  endsNalUnit = false;

  /** Type of the current NAL unit; for FU-A that of the fragmented one. */
  nalType = 0;
  /** Absolute offset of the NAL unit's header; for FU-A of the fragment's bytes, its header is in `nalType` only. */
  nalOffset = 0;
  nalBytes = 0;

  #bytes: Uint8Array = new Uint8Array(0);
  #position = 0;
  #end = 0;

  /** False on an empty payload, aggregated units that run past the end, or packet types that are never negotiated. */
  set(bytes: Uint8Array, offset: number, length: number): boolean {
    this.#position = 0;
    this.#end = 0;
    if (length < 1 || !rangeFits(bytes, offset, length)) return false;
    const packetType = bytes[offset] & 0x1f;
    if (!isWellFormed(bytes, offset, length, packetType)) return false;
    const fragmented = packetType === NalType.FU_A;
    this.packetType = packetType;
    this.startsNalUnit = !fragmented || (bytes[offset + 1] & FU_START) !== 0;
    this.endsNalUnit = !fragmented || (bytes[offset + 1] & FU_END) !== 0;
    this.#bytes = bytes;
    this.#rewind(offset, length);
    this.keyframe = false;
    this.hasSps = false;
    this.hasPps = false;
    this.hasIdr = false;
    while (this.next()) this.#note(offset);
    this.#rewind(offset, length);
    return true;
  }

  /** Moves to the next NAL unit of the packet; false at the end. */
  next(): boolean {
    if (this.#position >= this.#end) return false;
    if (this.packetType === NalType.STAP_A) {
      this.nalBytes = readU16(this.#bytes, this.#position);
      this.nalOffset = this.#position + 2;
      this.nalType = this.#bytes[this.nalOffset] & 0x1f;
      this.#position = this.nalOffset + this.nalBytes;
      return true;
    }
    const headerBytes = this.packetType === NalType.FU_A ? 2 : 0;
    this.nalOffset = this.#position + headerBytes;
    this.nalBytes = this.#end - this.nalOffset;
    this.nalType = this.#bytes[this.#position + (headerBytes === 2 ? 1 : 0)] & 0x1f;
    this.#position = this.#end;
    return true;
  }

  #rewind(offset: number, length: number): void {
    this.#position = this.packetType === NalType.STAP_A ? offset + 1 : offset;
    this.#end = offset + length;
  }

  #note(packetOffset: number): void {
    if (this.nalType === NalType.PPS) this.hasPps = true;
    if (this.nalType === NalType.IDR) this.hasIdr = true;
    if (this.nalType === NalType.SPS) this.hasSps = true;
    if (!this.startsNalUnit) return;
    const slice = this.packetType === NalType.FU_A ? packetOffset + 2 : this.nalOffset + 1;
    if (startsKeyframe(this.#bytes, this.nalType, slice, this.#end)) this.keyframe = true;
  }
}

/** Whether an H264 payload starts a keyframe: holds an SPS, or the first slice of an IDR picture. */
export function isH264KeyframeStart(bytes: Uint8Array, offset: number, length: number): boolean {
  if (length < 1 || !rangeFits(bytes, offset, length)) return false;
  const packetType = bytes[offset] & 0x1f;
  if (!isWellFormed(bytes, offset, length, packetType)) return false;
  const end = offset + length;
  if (packetType === NalType.FU_A) {
    const head = bytes[offset + 1];
    return (head & FU_START) !== 0 && startsKeyframe(bytes, head & 0x1f, offset + 2, end);
  }
  if (packetType !== NalType.STAP_A) return startsKeyframe(bytes, packetType, offset + 1, end);
  for (let position = offset + 1; position < end; position += 2 + readU16(bytes, position)) {
    if (startsKeyframe(bytes, bytes[position + 2] & 0x1f, position + 3, end)) return true;
  }
  return false;
}

/** `slice`: offset of the slice header, whose first code is first_mb_in_slice: a leading 1 says macroblock 0. */
function startsKeyframe(bytes: Uint8Array, nalType: number, slice: number, end: number): boolean {
  if (nalType === NalType.SPS) return true;
  return nalType === NalType.IDR && slice < end && (bytes[slice] & 0x80) !== 0;
}

function isWellFormed(bytes: Uint8Array, offset: number, length: number, packetType: number): boolean {
  if (packetType >= 1 && packetType <= 23) return true;
  // A fragment is never empty, and never a whole NAL unit (RFC 6184 §5.8).
  if (packetType === NalType.FU_A) return length > 2 && (bytes[offset + 1] & 0xc0) !== 0xc0;
  if (packetType !== NalType.STAP_A) return false;
  const end = offset + length;
  let position = offset + 1;
  if (position === end) return false;
  while (position < end) {
    if (position + 2 > end) return false;
    const nalBytes = readU16(bytes, position);
    if (nalBytes === 0 || position + 2 + nalBytes > end) return false;
    position += 2 + nalBytes;
  }
  return true;
}
