import { createHmac, randomFillSync } from "node:crypto";
import { crc32 } from "node:zlib";

/** Connectivity checks as a controlling ICE agent sends them (RFC 8445 §7.2.2). */

const HEADER_BYTES = 20;
const MAGIC_COOKIE = 0x2112_a442;
const BINDING_REQUEST = 0x0001;
const INTEGRITY_BYTES = 20;
const FINGERPRINT_XOR = 0x5354_554e;
const Attribute = {
  USERNAME: 0x0006,
  MESSAGE_INTEGRITY: 0x0008,
  PRIORITY: 0x0024,
  USE_CANDIDATE: 0x0025,
  FINGERPRINT: 0x8028,
  ICE_CONTROLLING: 0x802a,
} as const;

export const TRANSACTION_ID_BYTES = 12;
/** Where it stands in a message. */
export const TRANSACTION_ID_OFFSET = 8;

export interface StunCheck {
  /** "server's ufrag:own ufrag". */
  readonly username: string;
  /** The server's. */
  readonly password: string;
  readonly priority: number;
  /** 8 bytes. */
  readonly tieBreaker: Uint8Array;
}

/** A nominating binding request with a new transaction id, MESSAGE-INTEGRITY and FINGERPRINT (RFC 8489 §14). */
export function writeStunCheck({ username, password, priority, tieBreaker }: StunCheck): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES + 4 + ((username.length + 3) & ~3) + 8 + 4 + 12 + 24 + 8);
  bytes.writeUInt16BE(BINDING_REQUEST, 0);
  bytes.writeUInt32BE(MAGIC_COOKIE, 4);
  randomFillSync(bytes, TRANSACTION_ID_OFFSET, TRANSACTION_ID_BYTES);
  let end = HEADER_BYTES;
  const attribute = (type: number, length: number): number => {
    const value = end + 4;
    bytes.writeUInt16BE(type, end);
    bytes.writeUInt16BE(length, end + 2);
    end = value + ((length + 3) & ~3);
    return value;
  };
  bytes.write(username, attribute(Attribute.USERNAME, username.length), "latin1");
  bytes.writeUInt32BE(priority >>> 0, attribute(Attribute.PRIORITY, 4));
  attribute(Attribute.USE_CANDIDATE, 0);
  bytes.set(tieBreaker, attribute(Attribute.ICE_CONTROLLING, 8));
  // The length field counts up to and with MESSAGE-INTEGRITY while it is computed (§14.5), then FINGERPRINT too.
  bytes.writeUInt16BE(end + 4 + INTEGRITY_BYTES - HEADER_BYTES, 2);
  const digest = createHmac("sha1", password).update(bytes.subarray(0, end)).digest();
  digest.copy(bytes, attribute(Attribute.MESSAGE_INTEGRITY, INTEGRITY_BYTES));
  bytes.writeUInt16BE(end + 8 - HEADER_BYTES, 2);
  const checksum = (crc32(bytes.subarray(0, end)) ^ FINGERPRINT_XOR) >>> 0;
  bytes.writeUInt32BE(checksum, attribute(Attribute.FINGERPRINT, 4));
  return bytes;
}
