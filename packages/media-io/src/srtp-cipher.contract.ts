import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SrtpProfile } from "./media-io.ts";
import type { SrtpCipher } from "./srtp-cipher.ts";
import { profileLengths, type SrtpSessionKeys } from "./srtp-key-derivation.ts";
import { RFC_3711_KEY_STREAM, RFC_7714, unhex } from "./testing/srtp-vectors.ts";

/** Makes the cipher under test from session keys. */
export type CreateSrtpCipher = (profile: SrtpProfile, rtp: SrtpSessionKeys, rtcp: SrtpSessionKeys) => SrtpCipher;

const ROOM_BYTES = 32;

/** What every SrtpCipher must do. */
export function srtpCipherContract(name: string, create: CreateSrtpCipher): void {
  describe(`${name} as SrtpCipher`, () => {
    it("gives the key stream of RFC 3711 B.2", () => {
      const keys = sessionKeys(RFC_3711_KEY_STREAM.key, RFC_3711_KEY_STREAM.salt);
      const cipher = create(SrtpProfile.AES128_CM_HMAC_SHA1_80, keys, keys);
      const packet = new Uint8Array(12 + 48 + ROOM_BYTES);
      packet[0] = 0x80;
      cipher.sealRtp(packet, 60, 12, 0);
      expect(hex(packet, 12, 60)).toBe(RFC_3711_KEY_STREAM.keyStream);
    });

    for (const { profile, key, srtp, srtcp } of RFC_7714.profiles) {
      const keys = sessionKeys(key, RFC_7714.salt);

      it(`seals and opens the RTP packet of RFC 7714 §16, profile ${profile}`, () => {
        const cipher = create(profile, keys, keys);
        const packet = withRoom(unhex(RFC_7714.rtp));
        const length = cipher.sealRtp(packet, RFC_7714.rtp.length / 2, 12, 0);
        expect(hex(packet, 0, length)).toBe(srtp);
        expect(cipher.openRtp(packet, length, 12, 0)).toBe(RFC_7714.rtp.length / 2);
        expect(hex(packet, 0, RFC_7714.rtp.length / 2)).toBe(RFC_7714.rtp);
      });

      it(`seals and opens the RTCP packet of RFC 7714 §17, profile ${profile}`, () => {
        const cipher = create(profile, keys, keys);
        const packet = withRoom(unhex(RFC_7714.rtcp));
        const length = cipher.sealRtcp(packet, RFC_7714.rtcp.length / 2, RFC_7714.rtcpIndex);
        expect(hex(packet, 0, length)).toBe(srtcp);
        expect(cipher.rtcpIndexOffset(length)).toBe(length - 4);
        const opened = cipher.openRtcp(packet, length, RFC_7714.rtcpIndex);
        expect(hex(packet, 0, opened)).toBe(RFC_7714.rtcp);
      });
    }

    for (const [profileName, profile] of Object.entries(SrtpProfile)) {
      it(`opens what it sealed, and nothing else, ${profileName}`, () => {
        fc.assert(
          fc.property(packetArbitrary, keyArbitrary(profile), (input, keys) => {
            const cipher = create(profile, keys.rtp, keys.rtcp);
            expectRtpRoundTrip(cipher, input);
            expectRtcpRoundTrip(cipher, input);
          }),
          { numRuns: 60 },
        );
      });
    }
  });
}

interface PacketInput {
  readonly body: Uint8Array;
  readonly headerBytes: number;
  readonly rolloverCounter: number;
  readonly index: number;
  /** Which byte of the sealed packet is changed, and how. */
  readonly flipAt: number;
  readonly flipBits: number;
}

const packetArbitrary: fc.Arbitrary<PacketInput> = fc.record({
  body: fc.uint8Array({ minLength: 12, maxLength: 300 }),
  headerBytes: fc.nat(40),
  rolloverCounter: fc.nat(0xffff_ffff),
  index: fc.nat(0x7fff_ffff),
  flipAt: fc.nat(),
  flipBits: fc.integer({ min: 1, max: 255 }),
});

function keyArbitrary(
  profile: SrtpProfile,
): fc.Arbitrary<{ readonly rtp: SrtpSessionKeys; readonly rtcp: SrtpSessionKeys }> {
  const lengths = profileLengths(profile);
  const bytes = (length: number): fc.Arbitrary<Buffer> =>
    fc.uint8Array({ minLength: length, maxLength: length }).map((array) => Buffer.from(array));
  const keys = fc.record({
    key: bytes(lengths.keyBytes),
    salt: bytes(lengths.saltBytes),
    authKey: bytes(lengths.authKeyBytes),
  });
  return fc.record({ rtp: keys, rtcp: keys });
}

function expectRtpRoundTrip(cipher: SrtpCipher, input: PacketInput): void {
  const { body, rolloverCounter } = input;
  const headerBytes = Math.min(12 + input.headerBytes, body.length);
  const packet = withRoom(body);
  const length = cipher.sealRtp(packet, body.length, headerBytes, rolloverCounter);
  expect(length).toBe(body.length + cipher.tagBytes);
  expect(packet.subarray(0, headerBytes)).toEqual(body.subarray(0, headerBytes));

  const forged = packet.slice();
  forged[input.flipAt % length] ^= input.flipBits;
  expect(cipher.openRtp(forged, length, headerBytes, rolloverCounter)).toBe(-1);
  const otherCounter = (rolloverCounter ^ 1) >>> 0;
  expect(cipher.openRtp(packet.slice(), length, headerBytes, otherCounter)).toBe(-1);
  expect(cipher.openRtp(packet, length, headerBytes, rolloverCounter)).toBe(body.length);
  expect(packet.subarray(0, body.length)).toEqual(body);
}

function expectRtcpRoundTrip(cipher: SrtpCipher, input: PacketInput): void {
  const { body, index } = input;
  const packet = withRoom(body);
  const length = cipher.sealRtcp(packet, body.length, index);
  expect(length).toBe(body.length + cipher.tagBytes + 4);
  const trailer = Buffer.from(packet).readUInt32BE(cipher.rtcpIndexOffset(length));
  expect(trailer).toBe((0x8000_0000 | index) >>> 0);

  const forged = packet.slice();
  forged[input.flipAt % length] ^= input.flipBits;
  expect(cipher.openRtcp(forged, length, index)).toBe(-1);
  expect(cipher.openRtcp(packet, length, index)).toBe(body.length);
  expect(packet.subarray(0, body.length)).toEqual(body);
}

function sessionKeys(key: string, salt: string): SrtpSessionKeys {
  return {
    key: Buffer.from(key, "hex"),
    salt: Buffer.from(salt, "hex"),
    authKey: Buffer.alloc(20, 1),
  };
}

function withRoom(bytes: Uint8Array): Uint8Array {
  const packet = new Uint8Array(bytes.length + ROOM_BYTES);
  packet.set(bytes);
  return packet;
}

function hex(bytes: Uint8Array, from: number, to: number): string {
  return Buffer.from(bytes.subarray(from, to)).toString("hex");
}
