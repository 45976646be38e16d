/**
 * Protection of one direction of an association: encrypts and authenticates, knows no replay window and no streams.
 * Packets are changed in place; the array has room for what is appended ({@link SRTP_MAX_OVERHEAD_BYTES}).
 */
export interface SrtpCipher {
  /** Bytes of the authentication tag. */
  readonly tagBytes: number;
  /**
   * Encrypts what follows the header and appends the tag (RFC 3711 §3.3, RFC 7714 §8). Returns the new length.
   * The same (ssrc, rollover counter, sequence number) must never come with other bytes.
   */
  sealRtp(packet: Uint8Array, length: number, headerBytes: number, rolloverCounter: number): number;
  /** Checks the tag and decrypts. Returns the length without the tag, -1 where the tag is wrong. */
  openRtp(packet: Uint8Array, length: number, headerBytes: number, rolloverCounter: number): number;
  /** Encrypts a compound after its first 8 bytes, appends tag and E ‖ index (RFC 3711 §3.4, RFC 7714 §9). */
  sealRtcp(packet: Uint8Array, length: number, index: number): number;
  /** Checks and decrypts; `index` is that of the packet's trailer. Returns the length of the compound, or -1. */
  openRtcp(packet: Uint8Array, length: number, index: number): number;
  /** Where E ‖ index stands in an SRTCP packet of this length. */
  rtcpIndexOffset(length: number): number;
}

/** What protection adds at most: a tag of 16 bytes and the SRTCP index. */
export const SRTP_MAX_OVERHEAD_BYTES = 20;
/** RTCP header and sender ssrc, which stay readable. */
export const RTCP_CLEAR_BYTES = 8;
/** E flag and index at the end of an SRTCP packet. */
export const SRTCP_INDEX_BYTES = 4;
/** The E flag: the packet is encrypted (RFC 3711 §3.4). */
export const SRTCP_ENCRYPTED_FLAG = 0x8000_0000;
