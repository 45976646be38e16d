import { rangeFits, readU16 } from "../byte-order.ts";

const ABSENT = -1;
const MAX_SPATIAL_LAYERS = 8;
const MAX_REFERENCES = 3;
const MAX_GROUP_SIZE = 255;

/** Bits of the descriptor's first octet (RFC 9628 §4.2). */
const HAS_PICTURE_ID = 0x80;
const INTER_PICTURE_PREDICTED = 0x40;
const HAS_LAYER_INDICES = 0x20;
const FLEXIBLE = 0x10;
const START_OF_FRAME = 0x08;
const END_OF_FRAME = 0x04;
const HAS_SCALABILITY_STRUCTURE = 0x02;
const NOT_REFERENCE_FOR_UPPER = 0x01;

/**
 * Reads a VP9 RTP payload descriptor where it lies (RFC 9628 §4.2), flexible mode and not, scalability structure too.
 * Made once; offsets are absolute, so that picture id and TL0PICIDX can be rewritten in a copy. "Frame" is one spatial
 * layer of a picture, as in the RFC.
 */
export class Vp9Payload {
  /** -1 where absent. */
  pictureId = ABSENT;
  /** 7, 15, or 0 where absent. */
  pictureIdBits = 0;
  pictureIdOffset = ABSENT;
  /** P: predicted from earlier pictures. */
  interPicturePredicted = false;
  /** F: references are listed in each packet. */
  flexible = false;
  /** B and E. */
  startOfFrame = false;
  endOfFrame = false;
  /** Z: upper spatial layers do not need this frame. */
  notReferenceForUpper = false;

  hasLayerIndices = false;
  /** 0 where the layer indices are absent. */
  temporalId = 0;
  spatialId = 0;
  /** U: one may switch up to this temporal layer here. */
  switchingUp = false;
  /** D: needs the next lower spatial layer of the same picture. */
  interLayerPredicted = false;
  /** TL0PICIDX; -1 where absent (always in flexible mode). */
  tl0PictureIndex = ABSENT;
  tl0PictureIndexOffset = ABSENT;

  /** Flexible mode: how many pictures back each reference is. */
  referenceCount = 0;
  readonly references = new Uint8Array(MAX_REFERENCES);

  /** V: the scalability structure follows; the fields below stand until the next one that has it. */
  hasScalabilityStructure = false;
  spatialLayerCount = 0;
  /** Pixels by spatial layer; 0 where the structure gives no sizes. */
  readonly widths = new Uint16Array(MAX_SPATIAL_LAYERS);
  readonly heights = new Uint16Array(MAX_SPATIAL_LAYERS);
  /** Pictures in the group (N_G); 0 where none is described. */
  groupSize = 0;
  readonly groupTemporalIds = new Uint8Array(MAX_GROUP_SIZE);
  /** U of each picture, 0 or 1. */
  readonly groupSwitchingUp = new Uint8Array(MAX_GROUP_SIZE);

  descriptorBytes = 0;
  /** First packet of a picture that can be decoded without any before it. */
  keyframe = false;

  #bytes: Uint8Array = new Uint8Array(0);
  #position = 0;
  #end = 0;

  /** False on a descriptor that runs past the end or has nothing behind it, or with more than three references. */
  set(bytes: Uint8Array, offset: number, length: number): boolean {
    if (length < 1 || !rangeFits(bytes, offset, length)) return false;
    const first = bytes[offset];
    this.#bytes = bytes;
    this.#position = offset + 1;
    this.#end = offset + length;
    this.interPicturePredicted = (first & INTER_PICTURE_PREDICTED) !== 0;
    this.flexible = (first & FLEXIBLE) !== 0;
    this.startOfFrame = (first & START_OF_FRAME) !== 0;
    this.endOfFrame = (first & END_OF_FRAME) !== 0;
    this.notReferenceForUpper = (first & NOT_REFERENCE_FOR_UPPER) !== 0;
    if (!this.#readPictureId((first & HAS_PICTURE_ID) !== 0)) return false;
    if (!this.#readLayerIndices((first & HAS_LAYER_INDICES) !== 0)) return false;
    if (!this.#readReferences(this.flexible && this.interPicturePredicted)) return false;
    this.hasScalabilityStructure = (first & HAS_SCALABILITY_STRUCTURE) !== 0;
    if (this.hasScalabilityStructure && !this.#readScalabilityStructure()) return false;
    if (this.#position >= this.#end) return false;
    this.descriptorBytes = this.#position - offset;
    this.keyframe = this.startOfFrame && this.spatialId === 0 && this.#isIntra(first);
    return true;
  }

  /**
   * P says it, except in packets of senders that fill in B and E only (ffmpeg): there the frame's own header does, which
   * end-to-end encryption would hide.
   */
  #isIntra(first: number): boolean {
    if (this.interPicturePredicted) return false;
    if ((first & (HAS_PICTURE_ID | HAS_LAYER_INDICES | FLEXIBLE | HAS_SCALABILITY_STRUCTURE)) !== 0) return true;
    return isVp9KeyframeHeader(this.#bytes[this.#position]);
  }

  #readPictureId(present: boolean): boolean {
    this.pictureId = ABSENT;
    this.pictureIdBits = 0;
    this.pictureIdOffset = ABSENT;
    if (!present) return true;
    const position = this.#position;
    if (position >= this.#end) return false;
    const long = (this.#bytes[position] & 0x80) !== 0;
    this.#position += long ? 2 : 1;
    if (this.#position > this.#end) return false;
    this.pictureIdOffset = position;
    this.pictureIdBits = long ? 15 : 7;
    this.pictureId = long ? readU16(this.#bytes, position) & 0x7fff : this.#bytes[position];
    return true;
  }

  #readLayerIndices(present: boolean): boolean {
    this.hasLayerIndices = present;
    this.temporalId = 0;
    this.spatialId = 0;
    this.switchingUp = false;
    this.interLayerPredicted = false;
    this.tl0PictureIndex = ABSENT;
    this.tl0PictureIndexOffset = ABSENT;
    if (!present) return true;
    if (this.#position + (this.flexible ? 1 : 2) > this.#end) return false;
    const indices = this.#bytes[this.#position++];
    this.temporalId = indices >> 5;
    this.switchingUp = (indices & 0x10) !== 0;
    this.spatialId = (indices >> 1) & 0x07;
    this.interLayerPredicted = (indices & 0x01) !== 0;
    if (!this.flexible) {
      this.tl0PictureIndexOffset = this.#position;
      this.tl0PictureIndex = this.#bytes[this.#position++];
    }
    return true;
  }

  #readReferences(present: boolean): boolean {
    this.referenceCount = 0;
    if (!present) return true;
    for (;;) {
      if (this.#position >= this.#end || this.referenceCount === MAX_REFERENCES) return false;
      const octet = this.#bytes[this.#position++];
      this.references[this.referenceCount++] = octet >> 1;
      if ((octet & 0x01) === 0) return true;
    }
  }

  #readScalabilityStructure(): boolean {
    if (this.#position >= this.#end) return false;
    const head = this.#bytes[this.#position++];
    const layerCount = (head >> 5) + 1;
    const hasSizes = (head & 0x10) !== 0;
    if (hasSizes && this.#position + 4 * layerCount > this.#end) return false;
    this.spatialLayerCount = layerCount;
    for (let i = 0; i < MAX_SPATIAL_LAYERS; i++) {
      const sized = hasSizes && i < layerCount;
      this.widths[i] = sized ? readU16(this.#bytes, this.#position) : 0;
      this.heights[i] = sized ? readU16(this.#bytes, this.#position + 2) : 0;
      if (sized) this.#position += 4;
    }
    this.groupSize = 0;
    return (head & 0x08) === 0 || this.#readPictureGroup();
  }

  #readPictureGroup(): boolean {
    if (this.#position >= this.#end) return false;
    const groupSize = this.#bytes[this.#position++];
    for (let i = 0; i < groupSize; i++) {
      if (this.#position >= this.#end) return false;
      const octet = this.#bytes[this.#position++];
      this.groupTemporalIds[i] = octet >> 5;
      this.groupSwitchingUp[i] = (octet >> 4) & 0x01;
      this.#position += (octet >> 2) & 0x03;
      if (this.#position > this.#end) return false;
    }
    this.groupSize = groupSize;
    return true;
  }
}

/** Whether a VP9 payload is the first packet of a picture that can be decoded without any before it. */
export function isVp9KeyframeStart(bytes: Uint8Array, offset: number, length: number): boolean {
  if (length < 2 || !rangeFits(bytes, offset, length)) return false;
  const first = bytes[offset];
  if ((first & START_OF_FRAME) === 0 || (first & INTER_PICTURE_PREDICTED) !== 0) return false;
  let position = offset + 1;
  if ((first & HAS_PICTURE_ID) !== 0) position += (bytes[position] & 0x80) !== 0 ? 2 : 1;
  if ((first & HAS_LAYER_INDICES) !== 0) {
    if (position >= offset + length) return false;
    return ((bytes[position] >> 1) & 0x07) === 0;
  }
  if ((first & (HAS_PICTURE_ID | FLEXIBLE | HAS_SCALABILITY_STRUCTURE)) !== 0) return position < offset + length;
  return isVp9KeyframeHeader(bytes[position]);
}

/** Writes a picture id over one of `bits` (7 or 15) at `offset`, a `pictureIdOffset`; upper bits are cut off. */
export function patchVp9PictureId(target: Uint8Array, offset: number, bits: number, pictureId: number): void {
  if (bits === 15) {
    target[offset] = 0x80 | ((pictureId >> 8) & 0x7f);
    target[offset + 1] = pictureId & 0xff;
  } else {
    target[offset] = pictureId & 0x7f;
  }
}

/** First octet of a frame's uncompressed header: marker 2, profile, show_existing_frame 0, frame_type 0 (VP9 spec §6.2). */
function isVp9KeyframeHeader(octet: number): boolean {
  if (octet >> 6 !== 2) return false;
  const profile = ((octet >> 5) & 1) | ((octet >> 3) & 2);
  // Profile 3 has a reserved bit before show_existing_frame.
  const flags = profile === 3 ? (octet >> 1) & 0x03 : (octet >> 2) & 0x03;
  return flags === 0;
}
