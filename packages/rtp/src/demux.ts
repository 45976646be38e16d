/** What a datagram on the shared port is, by its first byte (RFC 7983 §7, RFC 9443 §3). */
export const DatagramKind = {
  UNKNOWN: 0,
  STUN: 1,
  ZRTP: 2,
  DTLS: 3,
  TURN_CHANNEL: 4,
  /** RTP or RTCP: see {@link isRtcp}. */
  RTP: 5,
  QUIC: 6,
} as const;
export type DatagramKind = (typeof DatagramKind)[keyof typeof DatagramKind];

/** Classifies a datagram by its first byte (0 … 255). */
export function classifyDatagram(firstByte: number): DatagramKind {
  if (firstByte >= 128 && firstByte <= 191) return DatagramKind.RTP;
  if (firstByte <= 3) return DatagramKind.STUN;
  if (firstByte < 16) return DatagramKind.UNKNOWN;
  if (firstByte <= 19) return DatagramKind.ZRTP;
  if (firstByte <= 63) return DatagramKind.DTLS;
  if (firstByte <= 79) return DatagramKind.TURN_CHANNEL;
  return DatagramKind.QUIC;
}

/**
 * Tells RTCP from RTP on one port (RFC 5761 §4): the second byte, marker bit included, is 192 … 223 in RTCP, which RTP
 * avoids by not using payload types 64 … 95. False where there is no second byte.
 */
export function isRtcp(bytes: Uint8Array, offset: number): boolean {
  if (offset + 1 >= bytes.length) return false;
  const second = bytes[offset + 1];
  return second >= 192 && second <= 223;
}
