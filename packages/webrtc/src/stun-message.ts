import { createHmac, timingSafeEqual } from "node:crypto";
import { crc32 } from "node:zlib";
import { ipToBytes } from "./ip-bytes.ts";

/**
 * STUN as ICE connectivity checks use it (RFC 8489, RFC 8445 §7). Reading is allocation free up to the username, so
 * that a flood from unknown senders costs a table look-up and no cryptography.
 */

export const STUN_HEADER_BYTES = 20;
/** Where a message's transaction id stands; it has 12 bytes. */
export const TRANSACTION_ID_OFFSET = 8;
const MAGIC_COOKIE = 0x2112a442;
const FINGERPRINT_XOR = 0x5354554e;
const INTEGRITY_BYTES = 20;
/** Longer ones are no connectivity checks. */
const MAX_MESSAGE_BYTES = 1_500;

export const StunType = {
  BINDING_REQUEST: 0x0001,
  BINDING_INDICATION: 0x0011,
  BINDING_SUCCESS: 0x0101,
  BINDING_ERROR: 0x0111,
} as const;

const Attribute = {
  USERNAME: 0x0006,
  MESSAGE_INTEGRITY: 0x0008,
  ERROR_CODE: 0x0009,
  UNKNOWN_ATTRIBUTES: 0x000a,
  XOR_MAPPED_ADDRESS: 0x0020,
  PRIORITY: 0x0024,
  USE_CANDIDATE: 0x0025,
  FINGERPRINT: 0x8028,
  ICE_CONTROLLED: 0x8029,
} as const;

/**
 * A binding request, read in place. One view is used again and again; it is valid while the bytes are. Attributes behind
 * MESSAGE-INTEGRITY are ignored, as nothing protects them (RFC 8489 §14.5).
 */
export class StunMessageView {
  bytes: Buffer = Buffer.alloc(0);
  type = 0;
  usernameOffset = 0;
  usernameBytes = 0;
  /** 0 where absent. */
  integrityOffset = 0;
  fingerprintOffset = 0;
  /** PRIORITY of the check, 0 where absent. */
  priority = 0;
  useCandidate = false;
  /** The sender believes to be controlled, as this server always is. */
  iceControlled = false;
  /** First comprehension-required attribute that is not known here; 0 where none. */
  unknownAttribute = 0;

  /** Reads a message. False when it is not well-formed STUN; then the view holds nothing of use. */
  read(data: Uint8Array): boolean {
    if (data.length < STUN_HEADER_BYTES || data.length > MAX_MESSAGE_BYTES) return false;
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.length);
    if (bytes.readUInt16BE(2) !== data.length - STUN_HEADER_BYTES) return false;
    if ((data.length & 3) !== 0 || bytes.readUInt32BE(4) !== MAGIC_COOKIE) return false;
    this.#reset(bytes);
    let offset = STUN_HEADER_BYTES;
    while (offset < bytes.length) {
      const type = bytes.readUInt16BE(offset);
      const length = bytes.readUInt16BE(offset + 2);
      const value = offset + 4;
      const next = value + ((length + 3) & ~3);
      if (next > bytes.length || !this.#take(type, offset, value, length)) return false;
      offset = next;
    }
    return true;
  }

  /** The part of the username before the colon: the receiver's ufrag (RFC 8445 §7.2.2). Empty without a colon. */
  localUfrag(): string {
    const end = this.usernameOffset + this.usernameBytes;
    const colon = this.bytes.indexOf(0x3a, this.usernameOffset);
    return colon < 0 || colon >= end ? "" : this.bytes.toString("latin1", this.usernameOffset, colon);
  }

  /** The part of the username behind the colon: the sender's ufrag. */
  remoteUfrag(): string {
    const end = this.usernameOffset + this.usernameBytes;
    const colon = this.bytes.indexOf(0x3a, this.usernameOffset);
    return colon < 0 || colon >= end ? "" : this.bytes.toString("latin1", colon + 1, end);
  }

  /** Whether FINGERPRINT is there, last, and right (RFC 8489 §14.7). */
  hasValidFingerprint(): boolean {
    const { bytes, fingerprintOffset: offset } = this;
    if (offset === 0 || offset + 8 !== bytes.length) return false;
    return bytes.readUInt32BE(offset + 4) === fingerprintOf(bytes.subarray(0, offset));
  }

  /** Whether MESSAGE-INTEGRITY is there and made with this password (short-term credentials, RFC 8489 §9.1). */
  hasValidIntegrity(password: string): boolean {
    const { bytes, integrityOffset: offset } = this;
    if (offset === 0) return false;
    const expected = integrityOf(bytes.subarray(0, offset), offset, password);
    return timingSafeEqual(expected, bytes.subarray(offset + 4, offset + 4 + INTEGRITY_BYTES));
  }

  #reset(bytes: Buffer): void {
    this.bytes = bytes;
    this.type = bytes.readUInt16BE(0);
    this.usernameOffset = 0;
    this.usernameBytes = 0;
    this.integrityOffset = 0;
    this.fingerprintOffset = 0;
    this.priority = 0;
    this.useCandidate = false;
    this.iceControlled = false;
    this.unknownAttribute = 0;
  }

  #take(type: number, offset: number, value: number, length: number): boolean {
    if (this.fingerprintOffset !== 0) return false;
    if (type === Attribute.FINGERPRINT) {
      this.fingerprintOffset = offset;
      return length === 4;
    }
    if (this.integrityOffset !== 0) return true;
    switch (type) {
      case Attribute.USERNAME:
        this.usernameOffset = value;
        this.usernameBytes = length;
        return length <= 513;
      case Attribute.MESSAGE_INTEGRITY:
        this.integrityOffset = offset;
        return length === INTEGRITY_BYTES;
      case Attribute.PRIORITY:
        if (length === 4) this.priority = this.bytes.readUInt32BE(value);
        return length === 4;
      case Attribute.USE_CANDIDATE:
        this.useCandidate = true;
        return true;
      case Attribute.ICE_CONTROLLED:
        this.iceControlled = true;
        return true;
      default:
        if (type < 0x8000 && this.unknownAttribute === 0) this.unknownAttribute = type;
        return true;
    }
  }
}

/** Writes messages into one buffer of its own: what is returned is valid until the next message is begun. */
export class StunAnswerWriter {
  readonly #bytes = Buffer.alloc(128);
  #length = 0;

  /** A binding request (RFC 8489 §9.1.2), nominating or not (RFC 8445 §7.1.2). A transaction id has 12 bytes, a username at most 56. */
  request(username: string, transactionId: Uint8Array, password: string, useCandidate: boolean): Uint8Array {
    this.#bytes.fill(0);
    this.#bytes.writeUInt16BE(StunType.BINDING_REQUEST, 0);
    this.#bytes.writeUInt32BE(MAGIC_COOKIE, 4);
    this.#bytes.set(transactionId, TRANSACTION_ID_OFFSET);
    this.#length = STUN_HEADER_BYTES;
    this.#bytes.write(username, this.#attribute(Attribute.USERNAME, username.length), "latin1");
    if (useCandidate) this.#attribute(Attribute.USE_CANDIDATE, 0);
    return this.#finish(password);
  }

  /** A success response with the address the request was seen to come from (RFC 8445 §7.3.1.2). */
  success(request: StunMessageView, address: string, port: number, password: string): Uint8Array {
    this.#begin(StunType.BINDING_SUCCESS, request);
    this.#xorMappedAddress(address, port);
    return this.#finish(password);
  }

  /** 487: both sides believe to be controlled (RFC 8445 §7.3.1.1). */
  roleConflict(request: StunMessageView, password: string): Uint8Array {
    this.#begin(StunType.BINDING_ERROR, request);
    this.#errorCode(487, "Role Conflict");
    return this.#finish(password);
  }

  /** 420 (RFC 8489 §6.3.1). */
  unknownAttribute(request: StunMessageView, password: string): Uint8Array {
    this.#begin(StunType.BINDING_ERROR, request);
    this.#errorCode(420, "Unknown Attribute");
    this.#attribute(Attribute.UNKNOWN_ATTRIBUTES, 2);
    this.#bytes.writeUInt16BE(request.unknownAttribute, this.#length - 4);
    return this.#finish(password);
  }

  #begin(type: number, request: StunMessageView): void {
    this.#bytes.fill(0);
    this.#bytes.writeUInt16BE(type, 0);
    request.bytes.copy(this.#bytes, 4, 4, STUN_HEADER_BYTES);
    this.#length = STUN_HEADER_BYTES;
  }

  /** Appends an attribute's header and zeroed, padded value; returns where the value starts. */
  #attribute(type: number, valueBytes: number): number {
    const value = this.#length + 4;
    this.#bytes.writeUInt16BE(type, this.#length);
    this.#bytes.writeUInt16BE(valueBytes, this.#length + 2);
    this.#length = value + ((valueBytes + 3) & ~3);
    return value;
  }

  #errorCode(code: number, reason: string): void {
    const value = this.#attribute(Attribute.ERROR_CODE, 4 + reason.length);
    this.#bytes[value + 2] = Math.trunc(code / 100);
    this.#bytes[value + 3] = code % 100;
    this.#bytes.write(reason, value + 4, "latin1");
  }

  /** RFC 8489 §14.2. */
  #xorMappedAddress(address: string, port: number): void {
    const ip = ipToBytes(address) ?? new Uint8Array(4);
    const value = this.#attribute(Attribute.XOR_MAPPED_ADDRESS, 4 + ip.length);
    this.#bytes[value + 1] = ip.length === 4 ? 1 : 2;
    this.#bytes.writeUInt16BE(port ^ (MAGIC_COOKIE >>> 16), value + 2);
    for (let index = 0; index < ip.length; index += 1) {
      this.#bytes[value + 4 + index] = (ip[index] ?? 0) ^ (this.#bytes[4 + index] ?? 0);
    }
  }

  #finish(password: string): Uint8Array {
    const end = this.#length;
    const integrity = integrityOf(this.#bytes.subarray(0, end), end, password);
    integrity.copy(this.#bytes, this.#attribute(Attribute.MESSAGE_INTEGRITY, INTEGRITY_BYTES));
    const value = this.#attribute(Attribute.FINGERPRINT, 4);
    this.#bytes.writeUInt16BE(this.#length - STUN_HEADER_BYTES, 2);
    this.#bytes.writeUInt32BE(fingerprintOf(this.#bytes.subarray(0, value - 4)), value);
    return this.#bytes.subarray(0, this.#length);
  }
}

/** The digest over what precedes MESSAGE-INTEGRITY, with the length field as if it were the last attribute. */
function integrityOf(preceding: Uint8Array, offset: number, password: string): Buffer {
  const header = Buffer.allocUnsafe(4);
  header.set(preceding.subarray(0, 2));
  header.writeUInt16BE(offset + 4 + INTEGRITY_BYTES - STUN_HEADER_BYTES, 2);
  return createHmac("sha1", password).update(header).update(preceding.subarray(4)).digest();
}

function fingerprintOf(preceding: Uint8Array): number {
  return (crc32(preceding) ^ FINGERPRINT_XOR) >>> 0;
}
