import { createCipheriv, createHmac, createSecretKey, timingSafeEqual, type KeyObject } from "node:crypto";
import { readU16, readU32, writeU32 } from "@cation/rtp/byte-order";
import { RTCP_CLEAR_BYTES, SRTCP_ENCRYPTED_FLAG, SRTCP_INDEX_BYTES, type SrtpCipher } from "./srtp-cipher.ts";
import type { SrtpSessionKeys } from "./srtp-key-derivation.ts";

const TAG_BYTES = 10;
const IV_BYTES = 16;
const SALT_BYTES = 14;

/** AES_CM_128_HMAC_SHA1_80 (RFC 3711 §4.1.1, §4.2.1) on node:crypto. */
export class AesCmCipher implements SrtpCipher {
  readonly tagBytes = TAG_BYTES;
  readonly #rtpKey: KeyObject;
  readonly #rtcpKey: KeyObject;
  readonly #rtpAuthKey: KeyObject;
  readonly #rtcpAuthKey: KeyObject;
  readonly #rtpSalt: Buffer;
  readonly #rtcpSalt: Buffer;
  readonly #iv = Buffer.alloc(IV_BYTES);
  readonly #rolloverCounter = Buffer.alloc(4);

  constructor(rtp: SrtpSessionKeys, rtcp: SrtpSessionKeys) {
    this.#rtpKey = createSecretKey(rtp.key);
    this.#rtcpKey = createSecretKey(rtcp.key);
    this.#rtpAuthKey = createSecretKey(rtp.authKey);
    this.#rtcpAuthKey = createSecretKey(rtcp.authKey);
    this.#rtpSalt = rtp.salt;
    this.#rtcpSalt = rtcp.salt;
  }

  sealRtp(packet: Uint8Array, length: number, headerBytes: number, rolloverCounter: number): number {
    this.#setRtpIv(packet, rolloverCounter);
    this.#cryptInPlace(this.#rtpKey, packet, headerBytes, length);
    packet.set(this.#rtpTag(packet, length, rolloverCounter), length);
    return length + TAG_BYTES;
  }

  openRtp(packet: Uint8Array, length: number, headerBytes: number, rolloverCounter: number): number {
    const end = length - TAG_BYTES;
    if (end < headerBytes) return -1;
    const expected = this.#rtpTag(packet, end, rolloverCounter);
    if (!timingSafeEqual(expected, packet.subarray(end, length))) return -1;
    this.#setRtpIv(packet, rolloverCounter);
    this.#cryptInPlace(this.#rtpKey, packet, headerBytes, end);
    return end;
  }

  sealRtcp(packet: Uint8Array, length: number, index: number): number {
    this.#setRtcpIv(packet, index);
    this.#cryptInPlace(this.#rtcpKey, packet, RTCP_CLEAR_BYTES, length);
    writeU32(packet, length, (SRTCP_ENCRYPTED_FLAG | index) >>> 0);
    packet.set(this.#rtcpTag(packet, length + SRTCP_INDEX_BYTES), length + SRTCP_INDEX_BYTES);
    return length + SRTCP_INDEX_BYTES + TAG_BYTES;
  }

  openRtcp(packet: Uint8Array, length: number, index: number): number {
    const tagOffset = length - TAG_BYTES;
    const end = tagOffset - SRTCP_INDEX_BYTES;
    if (end < RTCP_CLEAR_BYTES) return -1;
    const expected = this.#rtcpTag(packet, tagOffset);
    if (!timingSafeEqual(expected, packet.subarray(tagOffset, length))) return -1;
    this.#setRtcpIv(packet, index);
    this.#cryptInPlace(this.#rtcpKey, packet, RTCP_CLEAR_BYTES, end);
    return end;
  }

  rtcpIndexOffset(length: number): number {
    return length - TAG_BYTES - SRTCP_INDEX_BYTES;
  }

  #cryptInPlace(key: KeyObject, packet: Uint8Array, from: number, to: number): void {
    const cipher = createCipheriv("aes-128-ctr", key, this.#iv);
    packet.set(cipher.update(packet.subarray(from, to)), from);
  }

  /** RFC 3711 §4.2: over the packet and the rollover counter. */
  #rtpTag(packet: Uint8Array, length: number, rolloverCounter: number): Buffer {
    this.#rolloverCounter.writeUInt32BE(rolloverCounter, 0);
    return createHmac("sha1", this.#rtpAuthKey)
      .update(packet.subarray(0, length))
      .update(this.#rolloverCounter)
      .digest()
      .subarray(0, TAG_BYTES);
  }

  #rtcpTag(packet: Uint8Array, length: number): Buffer {
    return createHmac("sha1", this.#rtcpAuthKey).update(packet.subarray(0, length)).digest().subarray(0, TAG_BYTES);
  }

  #setRtpIv(packet: Uint8Array, rolloverCounter: number): void {
    this.#setIv(this.#rtpSalt, readU32(packet, 8), rolloverCounter, readU16(packet, 2));
  }

  #setRtcpIv(packet: Uint8Array, index: number): void {
    this.#setIv(this.#rtcpSalt, readU32(packet, 4), index >>> 16, index & 0xffff);
  }

  /** RFC 3711 §4.1.1: (salt · 2^16) XOR (ssrc · 2^64) XOR (index · 2^16), the index 48 bits wide. */
  #setIv(salt: Buffer, ssrc: number, indexHigh: number, indexLow: number): void {
    const iv = this.#iv;
    iv.writeUInt32BE(0, 0);
    iv.writeUInt32BE(ssrc, 4);
    iv.writeUInt32BE(indexHigh, 8);
    iv.writeUInt16BE(indexLow, 12);
    iv.writeUInt16BE(0, 14);
    for (let i = 0; i < SALT_BYTES; i++) iv[i] ^= salt[i];
  }
}
