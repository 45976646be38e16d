import { rangeFits } from "../byte-order.ts";

/** OBU types that matter to forwarding (AV1 specification §6.2.2). */
export const ObuType = {
  SEQUENCE_HEADER: 1,
  TEMPORAL_DELIMITER: 2,
  FRAME_HEADER: 3,
  TILE_GROUP: 4,
  METADATA: 5,
  FRAME: 6,
  REDUNDANT_FRAME_HEADER: 7,
  TILE_LIST: 8,
  PADDING: 15,
} as const;

/** Type of an element that has no OBU header: it goes on from the packet before, or is empty. */
export const OBU_CONTINUED = -1;

const CONTINUES_PREVIOUS = 0x80;
const CONTINUES_NEXT = 0x40;
const STARTS_SEQUENCE = 0x08;
const MAX_LEB128_BYTES = 8;

/** Steps through the OBU elements of an AV1 RTP payload where it lies (AV1 RTP v1.0.0 §4.4, §4.5). Made once. */
export class Av1Payload {
  /** Z: the first element goes on from the packet before. */
  continuesPrevious = false;
  /** Y: the last element goes on in the next packet. */
  continuesNext = false;
  /** N: first packet of a coded video sequence. */
  startsSequence = false;
  /** W: 0 where each element has a length of its own. */
  announcedElements = 0;
  /** A keyframe starts here: N is set, or a sequence header leads. */
  keyframe = false;

  /** Type of the current element's OBU, or OBU_CONTINUED. */
  obuType = OBU_CONTINUED;
  hasLayerIds = false;
  /** 0 where the OBU has no extension header. */
  temporalId = 0;
  spatialId = 0;
  /** Absolute offset of the current element, OBU header included, its length field not. */
  elementOffset = 0;
  elementBytes = 0;
  /** Absolute offset of what follows OBU header, extension and size field; inside the element or at its end. */
  obuPayloadOffset = 0;

  #bytes: Uint8Array = new Uint8Array(0);
  #start = 0;
  #position = 0;
  #end = 0;
  #index = 0;

  /** False on an empty payload, elements that run past the end or are fewer than announced, or N together with Z. */
  set(bytes: Uint8Array, offset: number, length: number): boolean {
    this.#position = 0;
    this.#end = 0;
    if (length < 2 || !rangeFits(bytes, offset, length)) return false;
    const header = bytes[offset];
    this.continuesPrevious = (header & CONTINUES_PREVIOUS) !== 0;
    this.continuesNext = (header & CONTINUES_NEXT) !== 0;
    this.startsSequence = (header & STARTS_SEQUENCE) !== 0;
    this.announcedElements = (header >> 4) & 0x03;
    if (this.startsSequence && this.continuesPrevious) return false;
    this.#bytes = bytes;
    this.#start = offset + 1;
    this.#end = offset + length;
    if (!this.#isWellFormed()) return false;
    this.#rewind();
    this.keyframe = isAv1KeyframeStart(bytes, offset, length);
    return true;
  }

  /** Moves to the next element; false at the end. */
  next(): boolean {
    if (this.#position >= this.#end || !this.#enterElement()) return false;
    this.#readObuHeader(this.#index === 1 && this.continuesPrevious);
    return true;
  }

  #rewind(): void {
    this.#position = this.#start;
    this.#index = 0;
  }

  #isWellFormed(): boolean {
    this.#rewind();
    while (this.#position < this.#end) {
      if (!this.#enterElement()) return false;
    }
    return this.announcedElements === 0 || this.#index === this.announcedElements;
  }

  /** Takes the next element's bounds; false where they run past the end or it is one too many. */
  #enterElement(): boolean {
    this.#index++;
    if (this.announcedElements !== 0 && this.#index > this.announcedElements) return false;
    const hasLength = this.#index !== this.announcedElements;
    const length = hasLength ? this.#readLeb128() : this.#end - this.#position;
    if (length < 0 || this.#position + length > this.#end) return false;
    this.elementOffset = this.#position;
    this.elementBytes = length;
    this.#position += length;
    return true;
  }

  #readObuHeader(continued: boolean): void {
    this.obuType = OBU_CONTINUED;
    this.hasLayerIds = false;
    this.temporalId = 0;
    this.spatialId = 0;
    this.obuPayloadOffset = this.elementOffset;
    if (continued || this.elementBytes === 0) return;
    const elementEnd = this.elementOffset + this.elementBytes;
    const header = this.#bytes[this.elementOffset];
    this.obuType = (header >> 3) & 0x0f;
    let position = this.elementOffset + 1;
    if ((header & 0x04) !== 0 && position < elementEnd) {
      this.hasLayerIds = true;
      this.temporalId = this.#bytes[position] >> 5;
      this.spatialId = (this.#bytes[position] >> 3) & 0x03;
      position++;
    }
    if ((header & 0x02) !== 0) {
      while (position < elementEnd && (this.#bytes[position] & 0x80) !== 0) position++;
      if (position < elementEnd) position++;
    }
    this.obuPayloadOffset = position;
  }

  /** Unsigned leb128 (AV1 specification §4.10.5) below 2^32, or -1. */
  #readLeb128(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < MAX_LEB128_BYTES; i++) {
      if (this.#position >= this.#end) return -1;
      const octet = this.#bytes[this.#position++];
      value += (octet & 0x7f) * scale;
      if ((octet & 0x80) === 0) return value < 0x1_0000_0000 ? value : -1;
      scale *= 0x80;
    }
    return -1;
  }
}

/** Whether an AV1 payload is the first packet of a coded video sequence: N is set, or its first OBU is a sequence header. */
export function isAv1KeyframeStart(bytes: Uint8Array, offset: number, length: number): boolean {
  if (length < 2 || !rangeFits(bytes, offset, length)) return false;
  const header = bytes[offset];
  if ((header & CONTINUES_PREVIOUS) !== 0) return false;
  if ((header & STARTS_SEQUENCE) !== 0) return true;
  const end = offset + length;
  let position = offset + 1;
  if (((header >> 4) & 0x03) !== 1) {
    while (position < end && (bytes[position] & 0x80) !== 0) position++;
    position++;
  }
  return position < end && ((bytes[position] >> 3) & 0x0f) === ObuType.SEQUENCE_HEADER;
}
