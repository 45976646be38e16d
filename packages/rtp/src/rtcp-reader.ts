import { rangeFits, readU16 } from "./byte-order.ts";

/** RTCP packet types (RFC 3550 §12.1, RFC 4585 §6.1, RFC 3611 §2). */
export const RtcpType = {
  SENDER_REPORT: 200,
  RECEIVER_REPORT: 201,
  SDES: 202,
  BYE: 203,
  APP: 204,
  TRANSPORT_FEEDBACK: 205,
  PAYLOAD_FEEDBACK: 206,
  EXTENDED_REPORT: 207,
} as const;

/** FMT values of transport-layer feedback, packet type 205 (RFC 4585 §6.2, transport-wide-cc-extensions-01 §3.1). */
export const TransportFeedbackFormat = { NACK: 1, TRANSPORT_CC: 15 } as const;

/** FMT values of payload-specific feedback, packet type 206 (RFC 4585 §6.3, RFC 5104 §4.3; REMB is an AFB). */
export const PayloadFeedbackFormat = { PLI: 1, FIR: 4, AFB: 15 } as const;

/** Length of the header that all RTCP packets share. */
export const RTCP_HEADER_BYTES = 4;

/** Largest number of report blocks, chunks or sources that the five count bits can announce. */
export const RTCP_MAX_COUNT = 31;

/**
 * Steps through a compound RTCP packet (RFC 3550 §6.1; reduced-size ones too, RFC 5506) where it lies, never past its
 * end. After `set`, call `next` until it is false; the fields then describe one packet at a time, and the readers of
 * each type take `(bytes, offset, byteLength)`.
 */
export class RtcpReader {
  /** Where the compound lies; owned by the caller of `set`. */
  bytes: Uint8Array = new Uint8Array(0);
  /** Packet type of the current packet. */
  packetType = 0;
  /** Report, source or FMT count: the low five bits of the first byte. */
  count = 0;
  /** Absolute offset of the current packet's header. */
  offset = 0;
  /** Length of the current packet, header included, padding removed. */
  byteLength = 0;
  /** Set when `next` stopped at a packet that is none, or runs past the end. The ones before it were in order. */
  malformed = false;

  #position = 0;
  #end = 0;

  /** The FMT of feedback messages; the same bits as `count`. */
  get format(): number {
    return this.count;
  }

  /** Starts on a compound. False when not even its first header is one. */
  set(bytes: Uint8Array, offset: number, length: number): boolean {
    this.bytes = bytes;
    this.malformed = false;
    this.#position = offset;
    this.#end = offset;
    if (length < RTCP_HEADER_BYTES || !rangeFits(bytes, offset, length)) return false;
    if (bytes[offset] >> 6 !== 2) return false;
    this.#end = offset + length;
    return true;
  }

  /** Moves to the next packet. False at the end, or where the rest is malformed. */
  next(): boolean {
    const start = this.#position;
    if (start === this.#end) return false;
    if (start + RTCP_HEADER_BYTES > this.#end) return this.#stop();
    const first = this.bytes[start];
    if (first >> 6 !== 2) return this.#stop();
    const length = 4 * (readU16(this.bytes, start + 2) + 1);
    const end = start + length;
    if (end > this.#end) return this.#stop();

    let paddingBytes = 0;
    if ((first & 0x20) !== 0) {
      // RFC 3550 §6.4.1 wants multiples of four, on the last packet only; libwebrtc fills transport feedback up to a
      // word with one to three bytes and marks them so, wherever it stands in the compound.
      paddingBytes = this.bytes[end - 1];
      if (paddingBytes === 0 || paddingBytes > length - RTCP_HEADER_BYTES) return this.#stop();
    }
    this.packetType = this.bytes[start + 1];
    this.count = first & 0x1f;
    this.offset = start;
    this.byteLength = length - paddingBytes;
    this.#position = end;
    return true;
  }

  #stop(): false {
    this.malformed = true;
    this.#position = this.#end;
    return false;
  }
}
