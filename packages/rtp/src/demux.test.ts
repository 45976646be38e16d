import { describe, expect, it } from "vitest";
import { DatagramKind, classifyDatagram, isRtcp } from "./demux.ts";

describe("classifyDatagram", () => {
  it("follows the table of RFC 7983 §7 as RFC 9443 §3 extends it", () => {
    const expected = (firstByte: number): number => {
      if (firstByte <= 3) return DatagramKind.STUN;
      if (firstByte >= 16 && firstByte <= 19) return DatagramKind.ZRTP;
      if (firstByte >= 20 && firstByte <= 63) return DatagramKind.DTLS;
      if (firstByte >= 64 && firstByte <= 79) return DatagramKind.TURN_CHANNEL;
      if (firstByte >= 80 && firstByte <= 127) return DatagramKind.QUIC;
      if (firstByte >= 128 && firstByte <= 191) return DatagramKind.RTP;
      if (firstByte >= 192) return DatagramKind.QUIC;
      return DatagramKind.UNKNOWN;
    };
    for (let firstByte = 0; firstByte < 256; firstByte++) {
      expect(classifyDatagram(firstByte)).toBe(expected(firstByte));
    }
  });
});

describe("isRtcp", () => {
  it("takes 192 … 223 for RTCP (RFC 5761 §4)", () => {
    for (let second = 0; second < 256; second++) {
      expect(isRtcp(Uint8Array.of(0x80, second), 0)).toBe(second >= 192 && second <= 223);
    }
  });

  it("needs a second byte", () => {
    expect(isRtcp(Uint8Array.of(0x80), 0)).toBe(false);
    expect(isRtcp(Uint8Array.of(0x80, 200), 1)).toBe(false);
    expect(isRtcp(new Uint8Array(0), 0)).toBe(false);
  });
});
