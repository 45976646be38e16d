import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from "node:crypto";
import { readU16, readU32, writeU32 } from "@cation/rtp/byte-order";
import { RTCP_CLEAR_BYTES, SRTCP_ENCRYPTED_FLAG, SRTCP_INDEX_BYTES, type SrtpCipher } from "./srtp-cipher.ts";
import type { SrtpSessionKeys } from "./srtp-key-derivation.ts";

const TAG_BYTES = 16;
const IV_BYTES = 12;
const CIPHER_OPTIONS = { authTagLength: TAG_BYTES };

/** AEAD_AES_128_GCM and AEAD_AES_256_GCM (RFC 7714) on node:crypto. */
export class AesGcmCipher implements SrtpCipher {
  readonly tagBytes = TAG_BYTES;
  readonly #algorithm: "aes-128-gcm" | "aes-256-gcm";
  readonly #rtpKey: KeyObject;
  readonly #rtcpKey: KeyObject;
  readonly #rtpSalt: Buffer;
  readonly #rtcpSalt: Buffer;
  readonly #iv = Buffer.alloc(IV_BYTES);
  readonly #rtcpAad = Buffer.alloc(RTCP_CLEAR_BYTES + SRTCP_INDEX_BYTES);

  constructor(rtp: SrtpSessionKeys, rtcp: SrtpSessionKeys) {
    this.#algorithm = rtp.key.length === 32 ? "aes-256-gcm" : "aes-128-gcm";
    // Key objects make the per-packet cipher three times cheaper than raw keys.
    this.#rtpKey = createSecretKey(rtp.key);
    this.#rtcpKey = createSecretKey(rtcp.key);
    this.#rtpSalt = rtp.salt;
    this.#rtcpSalt = rtcp.salt;
  }

  sealRtp(packet: Uint8Array, length: number, headerBytes: number, rolloverCounter: number): number {
    this.#setRtpIv(packet, rolloverCounter);
    this.#seal(this.#rtpKey, packet, headerBytes, length, packet.subarray(0, headerBytes));
    return length + TAG_BYTES;
  }

  openRtp(packet: Uint8Array, length: number, headerBytes: number, rolloverCounter: number): number {
    const end = length - TAG_BYTES;
    if (end < headerBytes) return -1;
    this.#setRtpIv(packet, rolloverCounter);
    const aad = packet.subarray(0, headerBytes);
    return this.#open(this.#rtpKey, packet, headerBytes, end, aad) ? end : -1;
  }

  sealRtcp(packet: Uint8Array, length: number, index: number): number {
    this.#setRtcpIv(packet, index);
    writeU32(packet, length + TAG_BYTES, (SRTCP_ENCRYPTED_FLAG | index) >>> 0);
    this.#setRtcpAad(packet, length + TAG_BYTES);
    this.#seal(this.#rtcpKey, packet, RTCP_CLEAR_BYTES, length, this.#rtcpAad);
    return length + TAG_BYTES + SRTCP_INDEX_BYTES;
  }

  openRtcp(packet: Uint8Array, length: number, index: number): number {
    const end = length - SRTCP_INDEX_BYTES - TAG_BYTES;
    if (end < RTCP_CLEAR_BYTES) return -1;
    this.#setRtcpIv(packet, index);
    this.#setRtcpAad(packet, end + TAG_BYTES);
    return this.#open(this.#rtcpKey, packet, RTCP_CLEAR_BYTES, end, this.#rtcpAad) ? end : -1;
  }

  rtcpIndexOffset(length: number): number {
    return length - SRTCP_INDEX_BYTES;
  }

  #seal(key: KeyObject, packet: Uint8Array, from: number, to: number, aad: Uint8Array): void {
    const cipher = createCipheriv(this.#algorithm, key, this.#iv, CIPHER_OPTIONS);
    cipher.setAAD(aad);
    packet.set(cipher.update(packet.subarray(from, to)), from);
    cipher.final();
    packet.set(cipher.getAuthTag(), to);
  }

  /** The plaintext is written back only when the tag has been found right. */
  #open(key: KeyObject, packet: Uint8Array, from: number, to: number, aad: Uint8Array): boolean {
    const decipher = createDecipheriv(this.#algorithm, key, this.#iv, CIPHER_OPTIONS);
    decipher.setAAD(aad);
    decipher.setAuthTag(packet.subarray(to, to + TAG_BYTES));
    const plain = decipher.update(packet.subarray(from, to));
    try {
      decipher.final();
    } catch {
      return false;
    }
    packet.set(plain, from);
    return true;
  }

  /** RFC 7714 §8.1: (00 00 ‖ ssrc ‖ rollover counter ‖ sequence number) XOR salt. */
  #setRtpIv(packet: Uint8Array, rolloverCounter: number): void {
    const iv = this.#iv;
    iv.writeUInt16BE(0, 0);
    iv.writeUInt32BE(readU32(packet, 8), 2);
    iv.writeUInt32BE(rolloverCounter, 6);
    iv.writeUInt16BE(readU16(packet, 2), 10);
    xorInto(iv, this.#rtpSalt);
  }

  /** RFC 7714 §9.1: (00 00 ‖ ssrc ‖ 00 00 ‖ index) XOR salt. */
  #setRtcpIv(packet: Uint8Array, index: number): void {
    const iv = this.#iv;
    iv.writeUInt16BE(0, 0);
    iv.writeUInt32BE(readU32(packet, 4), 2);
    iv.writeUInt16BE(0, 6);
    iv.writeUInt32BE(index, 8);
    xorInto(iv, this.#rtcpSalt);
  }

  /** RFC 7714 §9.2: the first eight bytes and E ‖ index. */
  #setRtcpAad(packet: Uint8Array, indexOffset: number): void {
    this.#rtcpAad.set(packet.subarray(0, RTCP_CLEAR_BYTES), 0);
    this.#rtcpAad.writeUInt32BE(readU32(packet, indexOffset), RTCP_CLEAR_BYTES);
  }
}

function xorInto(iv: Buffer, salt: Buffer): void {
  for (let i = 0; i < IV_BYTES; i++) iv[i] ^= salt[i];
}
