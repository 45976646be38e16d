import { SrtpProfile } from "../media-io.ts";

/** Published test vectors, for the contract suites. */

/** RFC 3711 appendix B.3: key derivation (also OpenSSL's and libsrtp's). */
export const RFC_3711_KEY_DERIVATION = {
  masterKey: "e1f97a0d3e018be0d64fa32c06de4139",
  masterSalt: "0ec675ad498afeebb6960b3aabe6",
  key: "c61e7a93744f39ee10734afe3ff7a087",
  salt: "30cbbc08863d8c85d49db34a9ae1",
  authKey: "cebe321f6ff7716b6fd4ab49af256a156d38baa4",
} as const;

/** RFC 3711 appendix B.2: AES-CM key stream for ssrc 0, index 0. */
export const RFC_3711_KEY_STREAM = {
  key: "2b7e151628aed2a6abf7158809cf4f3c",
  salt: "f0f1f2f3f4f5f6f7f8f9fafbfcfd",
  keyStream: "e03ead0935c95e80e166b16dd92b4eb4d23513162b02d0f72a43a2fe4a5f97ab41e95b3bb0a2e8dd477901e4fca894c0",
} as const;

/** RFC 7714 §16 and §17: session keys, not master keys. The SRTCP packet is the one that the subsections encrypt. */
export const RFC_7714 = {
  salt: "517569642070726f2071756f",
  rtp: "8040f17b8041f8d35501a0b247616c6c696120657374206f6d6e69732064697669736120696e207061727465732074726573",
  rtcp: "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeefdeadbeefdeadbeef",
  rtcpIndex: 0x5d4,
  profiles: [
    {
      profile: SrtpProfile.AEAD_AES_128_GCM,
      key: "000102030405060708090a0b0c0d0e0f",
      srtp: "8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833899d7f27beb16a9152cf765ee4390cce",
      srtcp:
        "81c8000d4d61727363e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce09b4686303ded0bb9275bc84aa45896cf4d2fc5abf87245d9eade800005d4",
    },
    {
      profile: SrtpProfile.AEAD_AES_256_GCM,
      key: "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
      srtp: "8040f17b8041f8d35501a0b232b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba63799b87b7aa3db36dfffd6b0f9bb7878d7a76c13",
      srtcp:
        "81c8000d4d617273d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1110555be8415f658c61de0476f1b6fad1d1eb30c4446839f57ff6f6cb26ac3be800005d4",
    },
  ],
} as const;

/** Reference packets of libsrtp (test/srtp_driver.c), from master keys: the whole way of a packet. SRTCP index 1. */
export const LIBSRTP = {
  rtp: "800f1234decafbadcafebabeabababababababababababababababab",
  rtcp: "81c8000bcafebabeabababababababababababababababab",
  rtcpIndex: 1,
  profiles: [
    {
      profile: SrtpProfile.AES128_CM_HMAC_SHA1_80,
      masterKey: "e1f97a0d3e018be0d64fa32c06de4139",
      masterSalt: "0ec675ad498afeebb6960b3aabe6",
      srtp: "800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb",
      srtcp: "81c8000bcafebabe7128035be487b9bdbef89041f977a5a880000001993e08cd54d6c1230798",
    },
    {
      profile: SrtpProfile.AEAD_AES_128_GCM,
      masterKey: "000102030405060708090a0b0c0d0e0f",
      masterSalt: "a0a1a2a3a4a5a6a7a8a9aaab",
      srtp: "800f1234decafbadcafebabec5002ede04cfdd2eb91159e0880aa06ed2976826f796b201df3131a127e8a392",
      srtcp: "81c8000bcafebabec98b8b5df0392a55852b6c21ac8e7025c52c6fbea2b3b446ea31123ba88ce61e80000001",
    },
  ],
} as const;

/** Bytes of a hex string. */
export function unhex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, "hex"));
}
