import { randomBytes } from "node:crypto";

/** A ufrag and password pair (RFC 8445 §5.3). */
export interface IceCredentials {
  readonly ufrag: string;
  readonly pwd: string;
}

/**
 * New credentials: 72 random bits in the ufrag, which is the key of the server's table, and 144 in the password (RFC
 * 8445 §5.3 asks for 24 and 128).
 */
export function createIceCredentials(): IceCredentials {
  return { ufrag: randomBytes(9).toString("base64"), pwd: randomBytes(18).toString("base64") };
}
