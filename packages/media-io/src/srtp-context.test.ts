import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SrtpProfile, type SrtpKeys } from "./media-io.ts";
import { estimateRolloverCounter, MAX_SSRCS, SrtpContext } from "./srtp-context.ts";
import { LIBSRTP, unhex } from "./testing/srtp-vectors.ts";

const ROOM_BYTES = 32;

describe("SrtpContext", () => {
  for (const { profile, masterKey, masterSalt, srtp, srtcp } of LIBSRTP.profiles) {
    const keys: SrtpKeys = {
      profile,
      localKey: unhex(masterKey),
      localSalt: unhex(masterSalt),
      remoteKey: unhex(masterKey),
      remoteSalt: unhex(masterSalt),
    };

    it(`agrees with libsrtp's reference packets, profile ${profile}`, () => {
      const context = new SrtpContext(keys);
      const rtp = withRoom(unhex(LIBSRTP.rtp));
      const rtpLength = context.protectRtp(rtp, LIBSRTP.rtp.length / 2, 12, 0);
      expect(hex(rtp.subarray(0, rtpLength))).toBe(srtp);
      const rtcp = withRoom(unhex(LIBSRTP.rtcp));
      const rtcpLength = context.protectRtcp(rtcp, LIBSRTP.rtcp.length / 2, LIBSRTP.rtcpIndex);
      expect(hex(rtcp.subarray(0, rtcpLength))).toBe(srtcp);

      expect(context.unprotectRtp(rtp.subarray(0, rtpLength))).toBe(LIBSRTP.rtp.length / 2);
      expect(context.unprotectRtcp(rtcp.subarray(0, rtcpLength))).toBe(LIBSRTP.rtcp.length / 2);
      expect(context.unprotectRtp(unhex(srtp))).toBe("replayed");
      expect(context.unprotectRtcp(unhex(srtcp))).toBe("replayed");
    });
  }

  it("never throws on random bytes, and accepts none", () => {
    const context = new SrtpContext(gcmKeys());
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(context.unprotectRtp(bytes.slice())).toSatisfy(isDrop);
        expect(context.unprotectRtcp(bytes.slice())).toSatisfy(isDrop);
      }),
    );
  });

  it("refuses SRTCP that says it is not encrypted", () => {
    const context = new SrtpContext(gcmKeys());
    const packet = withRoom(unhex(LIBSRTP.rtcp));
    const length = context.protectRtcp(packet, LIBSRTP.rtcp.length / 2, 1);
    packet[length - 4] &= 0x7f;
    expect(context.unprotectRtcp(packet.subarray(0, length))).toBe("bad-tag");
  });

  it("bounds the streams of a peer", () => {
    const context = new SrtpContext(gcmKeys());
    const results = Array.from({ length: MAX_SSRCS + 1 }, (_, ssrc) =>
      context.unprotectRtp(protectedRtp(context, ssrc)),
    );
    expect(results.slice(0, MAX_SSRCS).every((result) => result === 12)).toBe(true);
    expect(results[MAX_SSRCS]).toBe("too-many-ssrcs");
  });
});

describe("estimateRolloverCounter", () => {
  it("finds any index within half a cycle of the highest (RFC 3711 appendix A)", () => {
    fc.assert(
      fc.property(fc.nat(2 ** 40), fc.integer({ min: -0x7fff, max: 0x7fff }), (highest, distance) => {
        const index = highest + distance;
        const rolloverCounter = estimateRolloverCounter(highest, ((index % 65536) + 65536) % 65536);
        expect(rolloverCounter).toBe(Math.floor(index / 65536));
      }),
    );
  });

  it("starts at 0", () => expect(estimateRolloverCounter(-1, 65_535)).toBe(0));
});

function gcmKeys(): SrtpKeys {
  const key = new Uint8Array(16).fill(7);
  const salt = new Uint8Array(12).fill(9);
  return {
    profile: SrtpProfile.AEAD_AES_128_GCM,
    localKey: key,
    localSalt: salt,
    remoteKey: key,
    remoteSalt: salt,
  };
}

function protectedRtp(context: SrtpContext, ssrc: number): Uint8Array {
  const packet = Buffer.alloc(12 + ROOM_BYTES);
  packet[0] = 0x80;
  packet.writeUInt32BE(ssrc, 8);
  return packet.subarray(0, context.protectRtp(packet, 12, 12, 0));
}

function isDrop(result: unknown): boolean {
  return typeof result === "string";
}

function withRoom(bytes: Uint8Array): Uint8Array {
  const packet = new Uint8Array(bytes.length + ROOM_BYTES);
  packet.set(bytes);
  return packet;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
