import { readU16, readU32 } from "@cation/rtp/byte-order";
import { AesCmCipher } from "./aes-cm-cipher.ts";
import { AesGcmCipher } from "./aes-gcm-cipher.ts";
import { SrtpProfile, type ReceiveDropReason, type SrtpKeys } from "./media-io.ts";
import { ReplayWindow } from "./replay-window.ts";
import { RTCP_CLEAR_BYTES, SRTCP_ENCRYPTED_FLAG, SRTCP_INDEX_BYTES, type SrtpCipher } from "./srtp-cipher.ts";
import { deriveSessionKeys } from "./srtp-key-derivation.ts";

/** Streams of each kind that a peer may open at once; more are refused, so that its packets cannot fill our memory. */
export const MAX_SSRCS = 512;

const FIXED_HEADER_BYTES = 12;
const EXTENSION_HEADER_BYTES = 4;

/**
 * The SRTP state of one transport, both directions (RFC 3711 §3.2). Sending keeps no state but the keys, since every
 * packet comes with its full index. Receiving estimates the rollover counter and keeps a replay window for each ssrc; a
 * stream exists, and its window moves, only once a packet of it has been authenticated.
 */
export class SrtpContext {
  readonly #local: SrtpCipher;
  readonly #remote: SrtpCipher;
  readonly #rtpWindows = new Map<number, ReplayWindow>();
  readonly #rtcpWindows = new Map<number, ReplayWindow>();

  /** Throws a RangeError where a key or salt has the wrong length for the profile. */
  constructor(keys: SrtpKeys) {
    this.#local = createSrtpCipher(keys.profile, keys.localKey, keys.localSalt);
    this.#remote = createSrtpCipher(keys.profile, keys.remoteKey, keys.remoteSalt);
  }

  /** Protects in place; see {@link SrtpCipher.sealRtp}. The caller answers for the header. */
  protectRtp(packet: Uint8Array, length: number, headerBytes: number, rolloverCounter: number): number {
    return this.#local.sealRtp(packet, length, headerBytes, rolloverCounter);
  }

  /** Protects in place; see {@link SrtpCipher.sealRtcp}. */
  protectRtcp(packet: Uint8Array, length: number, index: number): number {
    return this.#local.sealRtcp(packet, length, index);
  }

  /** Authenticates and decrypts in place. Returns the length of the RTP packet, or why it is dropped. */
  unprotectRtp(packet: Uint8Array): number | ReceiveDropReason {
    const headerBytes = rtpHeaderBytes(packet);
    if (headerBytes < 0 || packet.length < headerBytes + this.#remote.tagBytes) return "truncated";
    const ssrc = readU32(packet, 8);
    const known = this.#rtpWindows.get(ssrc);
    const window = known ?? new ReplayWindow();
    if (known === undefined && this.#rtpWindows.size >= MAX_SSRCS) return "too-many-ssrcs";
    const sequenceNumber = readU16(packet, 2);
    const rolloverCounter = estimateRolloverCounter(window.highest, sequenceNumber);
    if (rolloverCounter < 0 || rolloverCounter > 0xffff_ffff) return "too-old";
    const index = rolloverCounter * 0x1_0000 + sequenceNumber;
    const verdict = window.check(index);
    if (verdict !== "fresh") return verdict;
    const length = this.#remote.openRtp(packet, packet.length, headerBytes, rolloverCounter);
    if (length < 0) return "bad-tag";
    window.accept(index);
    if (known === undefined) this.#rtpWindows.set(ssrc, window);
    return length;
  }

  /**
   * Authenticates and decrypts in place. Returns the length of the compound, or why it is dropped. Unencrypted SRTCP is
   * refused as a bad tag: WebRTC allows no NULL cipher (RFC 8827 §6.5).
   */
  unprotectRtcp(packet: Uint8Array): number | ReceiveDropReason {
    const overhead = this.#remote.tagBytes + SRTCP_INDEX_BYTES;
    if (packet.length < RTCP_CLEAR_BYTES + overhead) return "truncated";
    const ssrc = readU32(packet, 4);
    const trailer = readU32(packet, this.#remote.rtcpIndexOffset(packet.length));
    if ((trailer & SRTCP_ENCRYPTED_FLAG) === 0) return "bad-tag";
    const known = this.#rtcpWindows.get(ssrc);
    const window = known ?? new ReplayWindow();
    if (known === undefined && this.#rtcpWindows.size >= MAX_SSRCS) return "too-many-ssrcs";
    const index = trailer & 0x7fff_ffff;
    const verdict = window.check(index);
    if (verdict !== "fresh") return verdict;
    const length = this.#remote.openRtcp(packet, packet.length, index);
    if (length < 0) return "bad-tag";
    window.accept(index);
    if (known === undefined) this.#rtcpWindows.set(ssrc, window);
    return length;
  }
}

/** One direction's cipher from its master key and salt. Throws a RangeError on wrong lengths. */
export function createSrtpCipher(profile: SrtpProfile, masterKey: Uint8Array, masterSalt: Uint8Array): SrtpCipher {
  const { rtp, rtcp } = deriveSessionKeys(profile, masterKey, masterSalt);
  return profile === SrtpProfile.AES128_CM_HMAC_SHA1_80 ? new AesCmCipher(rtp, rtcp) : new AesGcmCipher(rtp, rtcp);
}

/**
 * The rollover counter that brings `sequenceNumber` nearest to the highest index so far (RFC 3711 §3.3.1, appendix A);
 * 0 before the first packet, negative for a packet from before the stream began.
 */
export function estimateRolloverCounter(highestIndex: number, sequenceNumber: number): number {
  if (highestIndex < 0) return 0;
  const rolloverCounter = Math.floor(highestIndex / 0x1_0000);
  const difference = sequenceNumber - (highestIndex % 0x1_0000);
  if (difference > 0x8000) return rolloverCounter - 1;
  if (difference < -0x8000) return rolloverCounter + 1;
  return rolloverCounter;
}

/** Length of fixed header, CSRCs and extension (RFC 3550 §5.1); -1 where they run past the end. */
function rtpHeaderBytes(packet: Uint8Array): number {
  if (packet.length < FIXED_HEADER_BYTES) return -1;
  const first = packet[0];
  let headerBytes = FIXED_HEADER_BYTES + 4 * (first & 0x0f);
  if ((first & 0x10) !== 0) {
    if (headerBytes + EXTENSION_HEADER_BYTES > packet.length) return -1;
    headerBytes += EXTENSION_HEADER_BYTES + 4 * readU16(packet, headerBytes + 2);
  }
  return headerBytes <= packet.length ? headerBytes : -1;
}
