import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  compactNtp,
  compactNtpDurationFromUs,
  compactNtpFromUnixUs,
  ntpFractionFromUnixUs,
  ntpSecondsFromUnixUs,
  roundTripUs,
  unixUsFromNtp,
  usFromCompactNtpDuration,
} from "./ntp.ts";

/** 1970 … 2100. */
const unixUs = fc.integer({ min: 0, max: 4_102_444_800_000_000 });

describe("NTP time", () => {
  it("knows the epochs", () => {
    expect([ntpSecondsFromUnixUs(0), ntpFractionFromUnixUs(0)]).toEqual([2_208_988_800, 0]);
    // 2036-02-07 06:28:16 UTC: the second era starts (RFC 4330 §3).
    const eraUs = Date.UTC(2036, 1, 7, 6, 28, 16) * 1000;
    expect([ntpSecondsFromUnixUs(eraUs), ntpFractionFromUnixUs(eraUs)]).toEqual([0, 0]);
    expect(unixUsFromNtp(0, 0)).toBe(eraUs);
    expect(ntpFractionFromUnixUs(500_000)).toBe(0x8000_0000);
  });

  it("keeps each microsecond", () => {
    fc.assert(
      fc.property(unixUs, (us) => {
        expect(unixUsFromNtp(ntpSecondsFromUnixUs(us), ntpFractionFromUnixUs(us))).toBe(us);
      }),
    );
  });

  it("has the middle 32 bits as its compact form", () => {
    expect(compactNtp(0x1234_5678, 0x9abc_def0)).toBe(0x5678_9abc);
    expect(compactNtpFromUnixUs(500_000)).toBe(((2_208_988_800 & 0xffff) * 0x1_0000 + 0x8000) >>> 0);
  });
});

describe("round trip", () => {
  it("is that of RFC 3550 §6.4.1, figure 2", () => {
    // A = 0xb710:8000, LSR = 0xb705:2000, DLSR = 5.25 s: 6.125 s.
    expect(roundTripUs(0xb710_8000, 0xb705_2000, 0x0005_4000)).toBe(6_125_000);
  });

  it("is unknown without a sender report, and never negative", () => {
    expect(roundTripUs(1, 0, 0)).toBe(-1);
    expect(roundTripUs(0x1000, 0x1000, 0x10)).toBe(0);
  });

  it("survives the wrap of the compact form", () => {
    expect(roundTripUs(0x0000_8000, 0xffff_8000, 0)).toBe(1_000_000);
  });

  it("carries durations to 1/65536 s", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 60_000_000 }), (us) => {
        expect(Math.abs(usFromCompactNtpDuration(compactNtpDurationFromUs(us)) - us)).toBeLessThanOrEqual(7.7);
      }),
    );
    expect(compactNtpDurationFromUs(-5)).toBe(0);
    expect(compactNtpDurationFromUs(1e15)).toBe(0xffff_ffff);
  });
});
