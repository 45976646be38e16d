import { rangeFits, readU16, readU32 } from "./byte-order.ts";
import type { PayloadType, RtpTimestamp, SeqNum, Ssrc } from "./units.ts";

const FIXED_HEADER_BYTES = 12;
const ONE_BYTE_PROFILE = 0xbede;

/** How the elements of the extension block are framed (RFC 8285 §4.2, §4.3). NONE also for unknown profiles. */
export const ExtensionForm = { NONE: 0, ONE_BYTE: 1, TWO_BYTE: 2 } as const;
export type ExtensionForm = (typeof ExtensionForm)[keyof typeof ExtensionForm];

/**
 * An RTP packet where it lies (RFC 3550 §5.1, RFC 8285). Made once and pointed at one packet after another; nothing is
 * copied or allocated. Fields are filled by {@link set} and mean nothing before it has returned true.
 */
export class RtpPacketView {
  /** Where the packet lies; owned by the caller of `set`. */
  bytes: Uint8Array = new Uint8Array(0);
  /** Absolute offset of the packet in `bytes`. */
  offset = 0;
  /** Length of the whole packet, padding included. */
  length = 0;

  payloadType = 0 as PayloadType;
  marker = false;
  sequenceNumber = 0 as SeqNum;
  timestamp = 0 as RtpTimestamp;
  ssrc = 0 as Ssrc;
  csrcCount = 0;
  /** Fixed header, CSRCs and extension block. */
  headerBytes = 0;
  /** Absolute offset of the payload in `bytes`. */
  payloadOffset = 0;
  /** Payload without padding; 0 for a pure padding packet. */
  payloadBytes = 0;
  /** Padding at the end, its count byte included. */
  paddingBytes = 0;

  extensionForm: ExtensionForm = ExtensionForm.NONE;
  /** Absolute offset of the first element; equal to `extensionEnd` where there are none. */
  extensionStart = 0;
  /** Absolute offset of the end of the extension block. */
  extensionEnd = 0;
  /** Length of the element that `findExtension` found last. */
  extensionBytes = 0;

  /**
   * Points the view at a packet. False on anything that is no RTP packet: wrong version, CSRCs or extension block past
   * the end, padding longer than the payload (or of length 0). Elements of the extension are checked when looked for.
   */
  set(bytes: Uint8Array, offset: number, length: number): boolean {
    if (length < FIXED_HEADER_BYTES || !rangeFits(bytes, offset, length)) return false;
    const first = bytes[offset];
    if (first >> 6 !== 2) return false;
    const csrcCount = first & 0x0f;
    const end = offset + length;
    let position = offset + FIXED_HEADER_BYTES + 4 * csrcCount;
    if (position > end) return false;

    this.extensionForm = ExtensionForm.NONE;
    this.extensionStart = position;
    this.extensionEnd = position;
    this.extensionBytes = 0;
    if ((first & 0x10) !== 0) {
      if (position + 4 > end) return false;
      const profile = readU16(bytes, position);
      const start = position + 4;
      position = start + 4 * readU16(bytes, position + 2);
      if (position > end) return false;
      this.extensionForm = formOfProfile(profile);
      this.extensionStart = start;
      this.extensionEnd = position;
    }

    let paddingBytes = 0;
    if ((first & 0x20) !== 0) {
      if (position === end) return false;
      paddingBytes = bytes[end - 1];
      if (paddingBytes === 0 || position + paddingBytes > end) return false;
    }

    const second = bytes[offset + 1];
    this.bytes = bytes;
    this.offset = offset;
    this.length = length;
    this.marker = second >= 0x80;
    this.payloadType = (second & 0x7f) as PayloadType;
    this.sequenceNumber = readU16(bytes, offset + 2) as SeqNum;
    this.timestamp = readU32(bytes, offset + 4) as RtpTimestamp;
    this.ssrc = readU32(bytes, offset + 8) as Ssrc;
    this.csrcCount = csrcCount;
    this.headerBytes = position - offset;
    this.payloadOffset = position;
    this.payloadBytes = end - position - paddingBytes;
    this.paddingBytes = paddingBytes;
    return true;
  }

  /** Contributing source `index` (0 … csrcCount-1), or -1. */
  csrc(index: number): number {
    if (index < 0 || index >= this.csrcCount) return -1;
    return readU32(this.bytes, this.offset + FIXED_HEADER_BYTES + 4 * index);
  }

  /**
   * Absolute offset of the data of the first element with this id, its length in `extensionBytes`; -1 where there is
   * none, or where an element before it runs past the block.
   */
  findExtension(id: number): number {
    this.extensionBytes = 0;
    if (id <= 0 || this.extensionStart === this.extensionEnd) return -1;
    if (this.extensionForm === ExtensionForm.ONE_BYTE) return this.#findOneByte(id);
    if (this.extensionForm === ExtensionForm.TWO_BYTE) return this.#findTwoByte(id);
    return -1;
  }

  /** Whether an element runs past the end of the block: for counting liars, not needed before `findExtension`. */
  hasTruncatedExtension(): boolean {
    if (this.extensionForm === ExtensionForm.NONE) return false;
    const oneByte = this.extensionForm === ExtensionForm.ONE_BYTE;
    let position = this.extensionStart;
    while (position < this.extensionEnd) {
      const head = this.bytes[position];
      if (head === 0) {
        position += 1;
      } else if (oneByte) {
        if (head >> 4 === 15 || head >> 4 === 0) return false;
        position += 2 + (head & 0x0f);
      } else {
        if (position + 2 > this.extensionEnd) return true;
        position += 2 + this.bytes[position + 1];
      }
    }
    return position > this.extensionEnd;
  }

  #findOneByte(id: number): number {
    const bytes = this.bytes;
    const end = this.extensionEnd;
    let position = this.extensionStart;
    while (position < end) {
      const head = bytes[position++];
      if (head === 0) continue;
      const found = head >> 4;
      // RFC 8285 §4.2: id 15, or id 0 with a length, ends the processing of the whole block.
      if (found === 15 || found === 0) return -1;
      const length = (head & 0x0f) + 1;
      if (position + length > end) return -1;
      if (found === id) {
        this.extensionBytes = length;
        return position;
      }
      position += length;
    }
    return -1;
  }

  #findTwoByte(id: number): number {
    const bytes = this.bytes;
    const end = this.extensionEnd;
    let position = this.extensionStart;
    while (position < end) {
      const found = bytes[position++];
      if (found === 0) continue;
      if (position === end) return -1;
      const length = bytes[position++];
      if (position + length > end) return -1;
      if (found === id) {
        this.extensionBytes = length;
        return position;
      }
      position += length;
    }
    return -1;
  }
}

function formOfProfile(profile: number): ExtensionForm {
  if (profile === ONE_BYTE_PROFILE) return ExtensionForm.ONE_BYTE;
  // RFC 8285 §4.3: 0x100 and four application bits.
  if (profile >> 4 === 0x100) return ExtensionForm.TWO_BYTE;
  return ExtensionForm.NONE;
}
