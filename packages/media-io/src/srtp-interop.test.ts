import { RtpHeader, SrtcpSession, SrtpSession } from "werift";
import { describe, expect, it } from "vitest";
import { SrtpProfile, type SrtpKeys } from "./media-io.ts";
import { SrtpContext } from "./srtp-context.ts";
import { profileLengths } from "./srtp-key-derivation.ts";

const ROOM_BYTES = 32;
/** AEAD_AES_256_GCM is unknown to werift; the vectors of RFC 7714 cover it. */
const PROFILES = [SrtpProfile.AES128_CM_HMAC_SHA1_80, SrtpProfile.AEAD_AES_128_GCM];

/** Two implementations that share nothing but the RFCs. */
describe("SRTP with werift", () => {
  for (const profile of PROFILES) {
    const { ours, theirs } = keysOfBothSides(profile);

    it(`RTP both ways over a sequence wrap, profile ${profile}`, () => {
      const context = new SrtpContext(ours);
      const session = new SrtpSession(theirs);
      for (let index = 65_500; index < 65_600; index++) {
        const header = rtpHeader(index);
        const payload = Buffer.alloc(index % 97, index);

        const fromThem = session.encrypt(payload, header);
        expect(context.unprotectRtp(fromThem)).toBe(12 + payload.length);
        expect(fromThem.subarray(12, 12 + payload.length)).toEqual(payload);

        const packet = Buffer.concat([header.serialize(12), payload, Buffer.alloc(ROOM_BYTES)]);
        const length = context.protectRtp(packet, 12 + payload.length, 12, index >>> 16);
        const opened = session.decrypt(packet.subarray(0, length));
        expect(opened.subarray(12)).toEqual(payload);
      }
    });

    it(`RTCP both ways, profile ${profile}`, () => {
      const context = new SrtpContext(ours);
      const session = new SrtcpSession(theirs);
      for (let index = 1; index < 20; index++) {
        const report = receiverReport(index);
        const fromThem = session.encrypt(report);
        expect(context.unprotectRtcp(fromThem)).toBe(report.length);
        expect(fromThem.subarray(0, report.length)).toEqual(report);

        const packet = Buffer.concat([report, Buffer.alloc(ROOM_BYTES)]);
        const length = context.protectRtcp(packet, report.length, index);
        expect(session.decrypt(packet.subarray(0, length))).toEqual(report);
      }
    });
  }
});

function keysOfBothSides(profile: SrtpProfile): {
  readonly ours: SrtpKeys;
  readonly theirs: ConstructorParameters<typeof SrtpSession>[0];
} {
  const { keyBytes, saltBytes } = profileLengths(profile);
  const ours = {
    profile,
    localKey: Buffer.alloc(keyBytes, 0x11),
    localSalt: Buffer.alloc(saltBytes, 0x22),
    remoteKey: Buffer.alloc(keyBytes, 0x33),
    remoteSalt: Buffer.alloc(saltBytes, 0x44),
  };
  const keys = {
    localMasterKey: ours.remoteKey,
    localMasterSalt: ours.remoteSalt,
    remoteMasterKey: ours.localKey,
    remoteMasterSalt: ours.localSalt,
  };
  return { ours, theirs: { keys, profile } };
}

function rtpHeader(index: number): RtpHeader {
  return new RtpHeader({
    payloadType: 96,
    sequenceNumber: index & 0xffff,
    timestamp: index * 3000,
    ssrc: 0xcafe_babe,
    version: 2,
  });
}

/** An RR without report blocks, followed by `words` words of an APP packet's data. */
function receiverReport(words: number): Buffer {
  const report = Buffer.alloc(8 + 4 * words);
  report.writeUInt32BE(0x80c9_0001, 0);
  report.writeUInt32BE(0xdead_beef, 4);
  return report;
}
