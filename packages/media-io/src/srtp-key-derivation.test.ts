import { describe, expect, it } from "vitest";
import { SrtpProfile } from "./media-io.ts";
import { deriveSessionKeys } from "./srtp-key-derivation.ts";
import { RFC_3711_KEY_DERIVATION, unhex } from "./testing/srtp-vectors.ts";

describe("deriveSessionKeys", () => {
  it("gives the session keys of RFC 3711 B.3", () => {
    const vector = RFC_3711_KEY_DERIVATION;
    const { rtp } = deriveSessionKeys(
      SrtpProfile.AES128_CM_HMAC_SHA1_80,
      unhex(vector.masterKey),
      unhex(vector.masterSalt),
    );
    expect(rtp.key.toString("hex")).toBe(vector.key);
    expect(rtp.salt.toString("hex")).toBe(vector.salt);
    expect(rtp.authKey.toString("hex")).toBe(vector.authKey);
  });

  it("says which lengths a profile takes", () => {
    const derive = (): unknown =>
      deriveSessionKeys(SrtpProfile.AEAD_AES_256_GCM, new Uint8Array(16), new Uint8Array(12));
    expect(derive).toThrow(/key of 32 and a salt of 12 bytes; got 16 and 12/);
  });
});
