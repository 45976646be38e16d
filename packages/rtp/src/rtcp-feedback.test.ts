import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { absurdRanges, acceptedPrefixes } from "../fixtures/malformed.ts";
import { FirReader, writeFir } from "./rtcp-fir.ts";
import { NackReader, writeNack } from "./rtcp-nack.ts";
import { PliReader, writePli } from "./rtcp-pli.ts";
import { RembReader, writeRemb } from "./rtcp-remb.ts";
import { seqAdd } from "./sequence.ts";
import type { Ssrc } from "./units.ts";

const SENDER = 0xaaaa_aaaa as Ssrc;
const MEDIA = 0xbbbb_bbbb as Ssrc;
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });

function lostOf(bytes: Uint8Array, offset: number, length: number): number[] | undefined {
  const reader = new NackReader();
  if (!reader.set(bytes, offset, length)) return undefined;
  expect([reader.senderSsrc, reader.mediaSsrc]).toEqual([SENDER, MEDIA]);
  const lost: number[] = [];
  while (reader.next()) lost.push(reader.sequenceNumber);
  return lost;
}

describe("NACK", () => {
  it("merges neighbours, across the wrap too", () => {
    const target = new Uint8Array(40);
    const lost = [0xfffe, 0xffff, 0, 14, 15, 40];
    const end = writeNack(target, 0, SENDER, MEDIA, lost, 0, lost.length);
    // 0xfffe with +1, +2, +16; 15 alone is +17; 40 is too far from 15.
    expect([...target.subarray(0, 4), ...target.subarray(12, end)]).toEqual([
      ...[0x81, 205, 0, 5],
      ...[0xff, 0xfe, 0x80, 0x03, 0, 15, 0, 0, 0, 40, 0, 0],
    ]);
    expect(lostOf(target, 0, end)).toEqual(lost);
  });

  it("reads back any list in sequence order", () => {
    const gaps = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffff }), gaps, fc.nat(5), (start, steps, offset) => {
        const lost: number[] = [];
        let at = start;
        for (const step of steps) lost.push((at = seqAdd(at, step)));
        const target = new Uint8Array(400);
        const end = writeNack(target, offset, SENDER, MEDIA, Uint16Array.from(lost), 0, lost.length);
        expect(lostOf(target, offset, end - offset)).toEqual(lost);
      }),
    );
  });

  it("leaves repeats out, and writes a part of a list", () => {
    const target = new Uint8Array(40);
    const end = writeNack(target, 0, SENDER, MEDIA, [1, 5, 5, 6, 9], 1, 3);
    expect(lostOf(target, 0, end)).toEqual([5, 6]);
  });

  it("must fit and ask for something", () => {
    expect(writeNack(new Uint8Array(15), 0, SENDER, MEDIA, [1], 0, 1)).toBe(-1);
    expect(writeNack(new Uint8Array(40), 0, SENDER, MEDIA, [], 0, 0)).toBe(-1);
    expect(writeNack(new Uint8Array(40), 0, SENDER, MEDIA, [1], 0, 2)).toBe(-1);
  });

  it("takes whole items only, and nothing of another format", () => {
    const target = new Uint8Array(24);
    writeNack(target, 0, SENDER, MEDIA, [1, 100, 200], 0, 3);
    expect(acceptedPrefixes(target, lostOf)).toEqual([16, 17, 18, 19, 20, 21, 22, 23, 24]);
    expect(lostOf(target, 0, 23)).toEqual([1, 100]);
    target[0] = 0x82;
    expect(lostOf(target, 0, 24)).toBeUndefined();
  });
});

describe("PLI and FIR", () => {
  const pliOf = (bytes: Uint8Array, offset: number, length: number): unknown => {
    const reader = new PliReader();
    return reader.set(bytes, offset, length) ? [reader.senderSsrc, reader.mediaSsrc] : undefined;
  };
  const firOf = (bytes: Uint8Array, offset: number, length: number): unknown => {
    const reader = new FirReader();
    if (!reader.set(bytes, offset, length)) return undefined;
    const entries = [];
    while (reader.next()) entries.push([reader.ssrc, reader.commandSequence]);
    return [reader.senderSsrc, entries];
  };

  it("read back", () => {
    fc.assert(
      fc.property(u32, u32, fc.integer({ min: 0, max: 255 }), (sender, media, command) => {
        const target = new Uint8Array(40);
        expect(writePli(target, 1, sender as Ssrc, media as Ssrc)).toBe(13);
        expect(pliOf(target, 1, 12)).toEqual([sender, media]);
        expect(writeFir(target, 1, sender as Ssrc, media as Ssrc, command)).toBe(21);
        expect(firOf(target, 1, 20)).toEqual([sender, [[media, command]]]);
      }),
    );
  });

  it("are refused when cut short or out of range, and must fit", () => {
    const target = new Uint8Array(20);
    writeFir(target, 0, SENDER, MEDIA, 7);
    expect(acceptedPrefixes(target, firOf)).toEqual([20]);
    for (const [offset, length] of absurdRanges(target)) expect(firOf(target, offset, length)).toBeUndefined();
    writePli(target, 0, SENDER, MEDIA);
    expect(acceptedPrefixes(target.slice(0, 12), pliOf)).toEqual([12]);
    expect(writePli(new Uint8Array(11), 0, SENDER, MEDIA)).toBe(-1);
    expect(writeFir(new Uint8Array(19), 0, SENDER, MEDIA, 0)).toBe(-1);
  });
});

describe("REMB", () => {
  const rembOf = (bytes: Uint8Array, offset: number, length: number): unknown => {
    const reader = new RembReader();
    if (!reader.set(bytes, offset, length)) return undefined;
    return [reader.bitrateBps, Array.from({ length: reader.ssrcCount + 1 }, (_, index) => reader.ssrc(index))];
  };

  it("reads back to 18 significant bits, rounded down", () => {
    const bitrate = fc.oneof(fc.integer({ min: 0, max: 100_000_000 }), fc.maxSafeNat());
    fc.assert(
      fc.property(bitrate, fc.array(u32, { maxLength: 20 }), (bitrateBps, ssrcs) => {
        const target = new Uint8Array(120);
        const end = writeRemb(target, 2, SENDER, bitrateBps, ssrcs as Ssrc[], ssrcs.length);
        const [told, list] = rembOf(target, 2, end - 2) as [number, number[]];
        expect(told).toBeLessThanOrEqual(bitrateBps);
        expect(bitrateBps - told).toBeLessThanOrEqual(bitrateBps / 2 ** 17);
        expect(list).toEqual([...ssrcs, -1]);
      }),
    );
  });

  it("is what libwebrtc's tests hold: 4,096,000 b/s for two streams", () => {
    const bytes = Uint8Array.of(0x8f, 206, 0, 6, 0, 0, 0, 1, 0, 0, 0, 0, 0x52, 0x45, 0x4d, 0x42, 2, 0x13, 0xe8, 0);
    const whole = Uint8Array.of(...bytes, 0, 0, 0, 5, 0, 0, 0, 6);
    expect(rembOf(whole, 0, 28)).toEqual([4_096_000, [5, 6, -1]]);
  });

  it("refuses other feedback, lists past the end, and bitrates beyond 2^53", () => {
    const target = new Uint8Array(28);
    writeRemb(target, 0, SENDER, 1_000_000, [MEDIA, SENDER], 2);
    expect(acceptedPrefixes(target, rembOf)).toEqual([28]);
    target[17] = 0xff;
    expect(rembOf(target, 0, 28)).toBeUndefined();
    target[17] = 0;
    target[12] = 0;
    expect(rembOf(target, 0, 28)).toBeUndefined();
    expect(writeRemb(new Uint8Array(19), 0, SENDER, 1, [], 0)).toBe(-1);
    expect(writeRemb(target, 0, SENDER, 1.5, [], 0)).toBe(-1);
    expect(writeRemb(target, 0, SENDER, -1, [], 0)).toBe(-1);
  });
});
