import { readU16, readU32 } from "@cation/rtp/byte-order";

const HEADER_BYTES = 20;
const MAGIC_COOKIE = 0x2112_a442;

/**
 * Whether bytes that RFC 7983 sorts as STUN have the frame of it (RFC 8489 §5): cookie, and a length that is right and a
 * multiple of four. Keeps random bytes from strangers away from the parser.
 */
export function hasStunFrame(bytes: Uint8Array): boolean {
  if (bytes.length < HEADER_BYTES || (bytes.length & 3) !== 0) return false;
  return readU32(bytes, 4) === MAGIC_COOKIE && readU16(bytes, 2) === bytes.length - HEADER_BYTES;
}
