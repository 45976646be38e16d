import { createCipheriv } from "node:crypto";
import { SrtpProfile, type SrtpKeys } from "./media-io.ts";

/** Lengths that a protection profile fixes (RFC 5764 §4.1.2, RFC 7714 §12). */
export interface SrtpProfileLengths {
  readonly keyBytes: number;
  readonly saltBytes: number;
  /** Of the HMAC key; 0 for AEAD. */
  readonly authKeyBytes: number;
  readonly tagBytes: number;
}

/** Session keys of one direction, for RTP or for RTCP. */
export interface SrtpSessionKeys {
  readonly key: Buffer;
  readonly salt: Buffer;
  readonly authKey: Buffer;
}

/** RFC 3711 §4.3.1. */
const Label = { ENCRYPTION: 0, AUTHENTICATION: 1, SALT: 2, RTCP_OFFSET: 3 } as const;

const PRF_SALT_BYTES = 14;

/** Throws a RangeError for a profile that is none of {@link SrtpProfile}. */
export function profileLengths(profile: SrtpProfile): SrtpProfileLengths {
  switch (profile) {
    case SrtpProfile.AES128_CM_HMAC_SHA1_80:
      return { keyBytes: 16, saltBytes: 14, authKeyBytes: 20, tagBytes: 10 };
    case SrtpProfile.AEAD_AES_128_GCM:
      return { keyBytes: 16, saltBytes: 12, authKeyBytes: 0, tagBytes: 16 };
    case SrtpProfile.AEAD_AES_256_GCM:
      return { keyBytes: 32, saltBytes: 12, authKeyBytes: 0, tagBytes: 16 };
    default:
      throw new RangeError(`unknown SRTP profile ${String(profile)}`);
  }
}

/**
 * Derives the session keys with the AES-CM PRF and a key derivation rate of 0 (RFC 3711 §4.3.3; for AES-256 RFC 6188 §3).
 * Throws a RangeError where a master key or salt has the wrong length.
 */
export function deriveSessionKeys(
  profile: SrtpProfile,
  masterKey: Uint8Array,
  masterSalt: Uint8Array,
): { readonly rtp: SrtpSessionKeys; readonly rtcp: SrtpSessionKeys } {
  checkLengths(profile, masterKey, masterSalt);
  const lengths = profileLengths(profile);
  const derive = (labelOffset: number): SrtpSessionKeys => ({
    key: prf(masterKey, masterSalt, labelOffset + Label.ENCRYPTION, lengths.keyBytes),
    authKey: prf(masterKey, masterSalt, labelOffset + Label.AUTHENTICATION, lengths.authKeyBytes),
    salt: prf(masterKey, masterSalt, labelOffset + Label.SALT, lengths.saltBytes),
  });
  return { rtp: derive(0), rtcp: derive(Label.RTCP_OFFSET) };
}

/** Throws a RangeError where a key or salt has the wrong length for the profile. */
export function checkSrtpKeys(keys: SrtpKeys): void {
  checkLengths(keys.profile, keys.localKey, keys.localSalt);
  checkLengths(keys.profile, keys.remoteKey, keys.remoteSalt);
}

function checkLengths(profile: SrtpProfile, masterKey: Uint8Array, masterSalt: Uint8Array): void {
  const { keyBytes, saltBytes } = profileLengths(profile);
  if (masterKey.length === keyBytes && masterSalt.length === saltBytes) return;
  throw new RangeError(
    `SRTP profile ${profile} takes a key of ${keyBytes} and a salt of ${saltBytes} bytes; ` +
      `got ${masterKey.length} and ${masterSalt.length}`,
  );
}

/** The AES-CM key stream at (label ‖ 0) XOR salt. A salt of 96 bits is padded on the right (RFC 7714 §11). */
function prf(masterKey: Uint8Array, masterSalt: Uint8Array, label: number, outputBytes: number): Buffer {
  const counter = Buffer.alloc(16);
  counter.set(masterSalt, 0);
  counter[PRF_SALT_BYTES - 7] ^= label;
  const algorithm = masterKey.length === 32 ? "aes-256-ctr" : "aes-128-ctr";
  return createCipheriv(algorithm, masterKey, counter).update(Buffer.alloc(outputBytes));
}
