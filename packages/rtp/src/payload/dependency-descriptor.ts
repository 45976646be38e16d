import { copyBytes, rangeFits, readU16, writeU16 } from "../byte-order.ts";
import { BitReader } from "./bit-reader.ts";
import { BitWriter } from "./bit-writer.ts";
import {
  DependencyStructure,
  MAX_CHAINS,
  MAX_DECODE_TARGETS,
  MAX_FDIFFS,
  MAX_TEMPLATES,
} from "./dependency-structure.ts";

const MANDATORY_BYTES = 3;
const MANDATORY_BITS = 24;
/** Five flags follow the mandatory fields where there is more. */
const EXTENDED_FLAGS_BITS = 5;
const ABSENT = -1;

/**
 * Reads the dependency descriptor of a packet (AV1 RTP v1.0.0, appendix A): which frame it belongs to, what that needs,
 * and which decode targets want it. Made once. Holds for any codec that sends the extension.
 *
 * The stream's structure is the caller's: pass it to `set`; when `structurePresent`, and the packet is not an old one
 * that came late, take it over with `structure.copyFrom(descriptor.attachedStructure)`.
 */
export class DependencyDescriptor {
  startOfFrame = false;
  endOfFrame = false;
  templateId = 0;
  /** 16 bits, counts frames in decode order; wraps. */
  frameNumber = 0;
  /** The packet brings a structure: it belongs to a keyframe that starts a coded video sequence. */
  structurePresent = false;
  /** What it brought, if so; overwritten by the next one that does. */
  readonly attachedStructure = new DependencyStructure();
  /** Bit i: decode target i is there. -1 where the packet says nothing: the last one stands. */
  activeDecodeTargets = ABSENT;

  spatialId = 0;
  temporalId = 0;
  /** DecodeTargetIndication of this frame, by decode target. */
  readonly dtis = new Uint8Array(MAX_DECODE_TARGETS);
  fdiffCount = 0;
  /** Frames back to each frame that this one refers to. */
  readonly fdiffs = new Uint16Array(MAX_FDIFFS);
  /** Frames back to the previous one in each chain; 0 for none needed. */
  readonly chainFdiffs = new Uint8Array(MAX_CHAINS);
  /** Of this frame's spatial layer, pixels; 0 where the structure does not say. */
  width = 0;
  height = 0;

  readonly #bits = new BitReader();
  readonly #writer = new BitWriter();
  #bytes: Uint8Array = new Uint8Array(0);
  #offset = 0;
  #length = 0;
  #decodeTargetCount = 0;
  #hasMask = false;
  /** Where the mask is or would be, and where the frame's own fields start and end: bits from the start. */
  #maskBit = 0;
  #frameBit = 0;
  #endBit = 0;

  /**
   * Reads the element of `length` bytes at `offset`. False where it runs past its end, its structure is absurd, or the
   * template is none of the structure's (none is known, or the packet with it was lost).
   */
  set(bytes: Uint8Array, offset: number, length: number, structure: DependencyStructure): boolean {
    if (length < MANDATORY_BYTES || !rangeFits(bytes, offset, length)) return false;
    this.#bytes = bytes;
    this.#offset = offset;
    this.#length = length;
    this.startOfFrame = (bytes[offset] & 0x80) !== 0;
    this.endOfFrame = (bytes[offset] & 0x40) !== 0;
    this.templateId = bytes[offset] & 0x3f;
    this.frameNumber = readU16(bytes, offset + 1);
    this.structurePresent = false;
    this.activeDecodeTargets = ABSENT;
    this.#hasMask = false;
    if (length === MANDATORY_BYTES) {
      this.#maskBit = MANDATORY_BITS + EXTENDED_FLAGS_BITS;
      this.#frameBit = this.#maskBit;
      this.#endBit = this.#maskBit;
      return this.#resolve(structure, false, false, false);
    }
    return this.#readExtended(structure);
  }

  #readExtended(current: DependencyStructure): boolean {
    const bits = this.#bits;
    bits.set(this.#bytes, this.#offset, this.#length);
    bits.read(MANDATORY_BITS);
    const structurePresent = bits.flag();
    this.#hasMask = bits.flag();
    const customDtis = bits.flag();
    const customFdiffs = bits.flag();
    const customChains = bits.flag();
    let structure = current;
    if (structurePresent) {
      structure = this.attachedStructure;
      if (!structure.read(bits) || bits.overrun) {
        structure.clear();
        return false;
      }
      this.activeDecodeTargets = structure.allTargetsMask;
    }
    this.#maskBit = bits.position;
    if (this.#hasMask) this.activeDecodeTargets = bits.read(structure.decodeTargetCount);
    this.#frameBit = bits.position;
    this.structurePresent = structurePresent;
    return this.#resolve(structure, customDtis, customFdiffs, customChains);
  }

  /** frame_dependency_definition() */
  #resolve(structure: DependencyStructure, customDtis: boolean, customFdiffs: boolean, customChains: boolean): boolean {
    const template = (this.templateId + MAX_TEMPLATES - structure.templateIdOffset) % MAX_TEMPLATES;
    if (template >= structure.templateCount) return false;
    this.#decodeTargetCount = structure.decodeTargetCount;
    this.spatialId = structure.templateSpatialIds[template];
    this.temporalId = structure.templateTemporalIds[template];
    this.width = structure.hasResolutions ? structure.widths[this.spatialId] : 0;
    this.height = structure.hasResolutions ? structure.heights[this.spatialId] : 0;
    if (customDtis) this.#readDtis(structure.decodeTargetCount);
    else copyBytes(this.dtis, 0, structure.templateDtis, template * MAX_DECODE_TARGETS, structure.decodeTargetCount);
    if (customFdiffs) {
      if (!this.#readFdiffs()) return false;
    } else {
      this.fdiffCount = structure.templateFdiffCounts[template];
      for (let i = 0; i < this.fdiffCount; i++) this.fdiffs[i] = structure.templateFdiffs[template * MAX_FDIFFS + i];
    }
    if (customChains) this.#readChainFdiffs(structure.chainCount);
    else copyBytes(this.chainFdiffs, 0, structure.templateChainFdiffs, template * MAX_CHAINS, structure.chainCount);
    if (this.#length === MANDATORY_BYTES) return true;
    this.#endBit = this.#bits.position;
    return !this.#bits.overrun;
  }

  #readDtis(count: number): void {
    for (let target = 0; target < count; target++) this.dtis[target] = this.#bits.read(2);
  }

  #readFdiffs(): boolean {
    let count = 0;
    for (let size = this.#bits.read(2); size !== 0; size = this.#bits.read(2)) {
      if (count === MAX_FDIFFS) return false;
      this.fdiffs[count] = this.#bits.read(4 * size) + 1;
      count++;
    }
    this.fdiffCount = count;
    return true;
  }

  #readChainFdiffs(count: number): void {
    for (let chain = 0; chain < count; chain++) this.chainFdiffs[chain] = this.#bits.read(8);
  }

  /** Bytes that `writeActiveDecodeTargets` needs for the descriptor that was read last. */
  get rewrittenBytes(): number {
    return (this.#maskBit + this.#decodeTargetCount + this.#endBit - this.#frameBit + 7) >> 3;
  }

  /**
   * Writes the descriptor that was read last (whose bytes must still be there) with this mask of active decode targets
   * in place of its own: what a forwarder sends to whom it does not forward all of them (§A.4). Returns the offset after
   * it, or -1 when it does not fit.
   */
  writeActiveDecodeTargets(target: Uint8Array, offset: number, mask: number): number {
    const byteLength = this.rewrittenBytes;
    if (offset < 0 || offset + byteLength > target.length) return -1;
    const bits = this.#bits;
    const writer = this.#writer;
    bits.set(this.#bytes, this.#offset, this.#length);
    writer.set(target, offset);
    writer.write(bits.read(MANDATORY_BITS), MANDATORY_BITS);
    const flags = this.#length > MANDATORY_BYTES ? bits.read(EXTENDED_FLAGS_BITS) : 0;
    writer.write(flags | 0x08, EXTENDED_FLAGS_BITS);
    this.#copyBits(this.#maskBit - MANDATORY_BITS - EXTENDED_FLAGS_BITS);
    writer.write(mask, this.#decodeTargetCount);
    bits.read(this.#frameBit - this.#maskBit);
    this.#copyBits(this.#endBit - this.#frameBit);
    writer.write(0, 8 * byteLength - writer.position);
    return offset + byteLength;
  }

  #copyBits(count: number): void {
    for (let left = count; left > 0; left -= 32) {
      const take = Math.min(left, 32);
      this.#writer.write(this.#bits.read(take), take);
    }
  }
}

/** Writes another frame number into the descriptor at `offset`. */
export function patchFrameNumber(target: Uint8Array, offset: number, frameNumber: number): void {
  writeU16(target, offset + 1, frameNumber);
}
