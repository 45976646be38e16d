import { rangeFits, readU16 } from "../byte-order.ts";

const ABSENT = -1;
/** Frame tag, start code, width and height: what a keyframe starts with (RFC 6386 §9.1). */
const KEYFRAME_HEADER_BYTES = 10;

/** The first bits of the descriptor's octets (RFC 7741 §4.2). */
const EXTENDED = 0x80;
const NON_REFERENCE = 0x20;
const START_OF_PARTITION = 0x10;
const HAS_PICTURE_ID = 0x80;
const HAS_TL0_PICTURE_INDEX = 0x40;
const HAS_TEMPORAL_ID = 0x20;
const HAS_KEY_INDEX = 0x10;

/**
 * Reads a VP8 RTP payload where it lies: descriptor and the head of the frame (RFC 7741 §4.2, §4.3). Made once; offsets
 * are absolute, so that picture id and TL0PICIDX can be rewritten in a copy.
 */
export class Vp8Payload {
  /** N: no other frame refers to this one. */
  nonReference = false;
  /** S: starts a partition. */
  startOfPartition = false;
  partitionId = 0;
  /** -1 where absent. */
  pictureId = ABSENT;
  /** 7, 15, or 0 where absent. */
  pictureIdBits = 0;
  pictureIdOffset = ABSENT;
  /** TL0PICIDX; -1 where absent. */
  tl0PictureIndex = ABSENT;
  tl0PictureIndexOffset = ABSENT;
  /** 0 where absent; see `hasTemporalId`. */
  temporalId = 0;
  hasTemporalId = false;
  /** Y: depends on the base layer only, so that one may switch up to this layer here. */
  layerSync = false;
  /** KEYIDX; -1 where absent. */
  keyIndex = ABSENT;
  /** Octet of TID, Y and KEYIDX; -1 where absent. */
  layerOffset = ABSENT;
  descriptorBytes = 0;
  /** First packet of a frame. */
  startOfFrame = false;
  /** First packet of a keyframe. */
  keyframe = false;
  /** Of a keyframe's first packet, pixels; otherwise 0. */
  width = 0;
  height = 0;

  /** False on a descriptor that runs past the end, one with nothing behind it, or a keyframe without its header. */
  set(bytes: Uint8Array, offset: number, length: number): boolean {
    const descriptorBytes = vp8DescriptorBytes(bytes, offset, length);
    if (descriptorBytes < 0 || descriptorBytes >= length) return false;
    const first = bytes[offset];
    this.nonReference = (first & NON_REFERENCE) !== 0;
    this.startOfPartition = (first & START_OF_PARTITION) !== 0;
    this.partitionId = first & 0x07;
    this.descriptorBytes = descriptorBytes;
    this.#clearExtension();
    if ((first & EXTENDED) !== 0) this.#readExtension(bytes, offset + 1);

    this.startOfFrame = this.startOfPartition && this.partitionId === 0;
    this.keyframe = false;
    this.width = 0;
    this.height = 0;
    const frame = offset + descriptorBytes;
    if (this.startOfFrame && (bytes[frame] & 0x01) === 0) {
      if (length - descriptorBytes < KEYFRAME_HEADER_BYTES) return false;
      this.keyframe = hasStartCode(bytes, frame);
      if (this.keyframe) {
        // Little-endian, two bits of scaling on top.
        this.width = (bytes[frame + 6] | (bytes[frame + 7] << 8)) & 0x3fff;
        this.height = (bytes[frame + 8] | (bytes[frame + 9] << 8)) & 0x3fff;
      }
    }
    return true;
  }

  #clearExtension(): void {
    this.pictureId = ABSENT;
    this.pictureIdBits = 0;
    this.pictureIdOffset = ABSENT;
    this.tl0PictureIndex = ABSENT;
    this.tl0PictureIndexOffset = ABSENT;
    this.temporalId = 0;
    this.hasTemporalId = false;
    this.layerSync = false;
    this.keyIndex = ABSENT;
    this.layerOffset = ABSENT;
  }

  /** `offset`: of the octet with I, L, T, K; all that it announces is known to be there. */
  #readExtension(bytes: Uint8Array, offset: number): void {
    const flags = bytes[offset];
    let position = offset + 1;
    if ((flags & HAS_PICTURE_ID) !== 0) {
      const long = (bytes[position] & 0x80) !== 0;
      this.pictureIdOffset = position;
      this.pictureIdBits = long ? 15 : 7;
      this.pictureId = long ? readU16(bytes, position) & 0x7fff : bytes[position];
      position += long ? 2 : 1;
    }
    if ((flags & HAS_TL0_PICTURE_INDEX) !== 0) {
      this.tl0PictureIndexOffset = position;
      this.tl0PictureIndex = bytes[position];
      position += 1;
    }
    if ((flags & (HAS_TEMPORAL_ID | HAS_KEY_INDEX)) !== 0) {
      this.layerOffset = position;
      if ((flags & HAS_TEMPORAL_ID) !== 0) {
        this.hasTemporalId = true;
        this.temporalId = bytes[position] >> 6;
        this.layerSync = (bytes[position] & 0x20) !== 0;
      }
      if ((flags & HAS_KEY_INDEX) !== 0) this.keyIndex = bytes[position] & 0x1f;
    }
  }
}

/** Length of the payload descriptor at `offset`, or -1 where it runs past the end. */
export function vp8DescriptorBytes(bytes: Uint8Array, offset: number, length: number): number {
  if (length < 1 || !rangeFits(bytes, offset, length)) return -1;
  if ((bytes[offset] & EXTENDED) === 0) return 1;
  if (length < 2) return -1;
  const flags = bytes[offset + 1];
  let used = 2;
  if ((flags & HAS_PICTURE_ID) !== 0) {
    if (used >= length) return -1;
    used += (bytes[offset + used] & 0x80) !== 0 ? 2 : 1;
  }
  if ((flags & HAS_TL0_PICTURE_INDEX) !== 0) used += 1;
  if ((flags & (HAS_TEMPORAL_ID | HAS_KEY_INDEX)) !== 0) used += 1;
  return used <= length ? used : -1;
}

/** Whether a VP8 payload is the first packet of a keyframe. */
export function isVp8KeyframeStart(bytes: Uint8Array, offset: number, length: number): boolean {
  const descriptorBytes = vp8DescriptorBytes(bytes, offset, length);
  if (descriptorBytes < 0 || length - descriptorBytes < KEYFRAME_HEADER_BYTES) return false;
  if ((bytes[offset] & START_OF_PARTITION) === 0 || (bytes[offset] & 0x07) !== 0) return false;
  const frame = offset + descriptorBytes;
  return (bytes[frame] & 0x01) === 0 && hasStartCode(bytes, frame);
}

/** Writes a picture id over one of `bits` (7 or 15) at `offset`, a `pictureIdOffset`; upper bits are cut off. */
export function patchVp8PictureId(target: Uint8Array, offset: number, bits: number, pictureId: number): void {
  if (bits === 15) {
    target[offset] = 0x80 | ((pictureId >> 8) & 0x7f);
    target[offset + 1] = pictureId & 0xff;
  } else {
    target[offset] = pictureId & 0x7f;
  }
}

/** 9d 01 2a (RFC 6386 §9.1). */
function hasStartCode(bytes: Uint8Array, frame: number): boolean {
  return bytes[frame + 3] === 0x9d && bytes[frame + 4] === 0x01 && bytes[frame + 5] === 0x2a;
}
