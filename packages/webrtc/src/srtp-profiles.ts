import { SrtpProfile } from "@cation/media-io/media-io";

/** Most wanted first. GCM of 128 bits is the fastest; CM with SHA-1 is what every client has (RFC 8827 §6.5). */
export const SRTP_PROFILES: readonly SrtpProfile[] = [
  SrtpProfile.AEAD_AES_128_GCM,
  SrtpProfile.AEAD_AES_256_GCM,
  SrtpProfile.AES128_CM_HMAC_SHA1_80,
];

/** Bytes of master key and salt (RFC 5764 §4.1.2, RFC 7714 §12). */
export function srtpKeyLengths(profile: SrtpProfile): { keyBytes: number; saltBytes: number } {
  switch (profile) {
    case SrtpProfile.AEAD_AES_128_GCM:
      return { keyBytes: 16, saltBytes: 12 };
    case SrtpProfile.AEAD_AES_256_GCM:
      return { keyBytes: 32, saltBytes: 12 };
    case SrtpProfile.AES128_CM_HMAC_SHA1_80:
      return { keyBytes: 16, saltBytes: 14 };
  }
}
