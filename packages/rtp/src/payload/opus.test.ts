import { describe, expect, it } from "vitest";
import { absurdRanges, acceptedPrefixes } from "../../fixtures/malformed.ts";
import { isOpusDtx, opusChannels, opusFrameCount, opusFrameTicks, opusPacketTicks } from "./opus.ts";

describe("Opus TOC", () => {
  it("gives the frame sizes of RFC 6716 table 2", () => {
    const ms = (config: number): number => opusFrameTicks(config << 3) / 48;
    const silk = [10, 20, 40, 60];
    const hybrid = [10, 20];
    const celt = [2.5, 5, 10, 20];
    const expected = [...silk, ...silk, ...silk, ...hybrid, ...hybrid, ...celt, ...celt, ...celt, ...celt];
    expect(Array.from({ length: 32 }, (_, config) => ms(config))).toEqual(expected);
  });

  it("counts frames by code", () => {
    const ticks = (...bytes: number[]): number => opusPacketTicks(Uint8Array.from(bytes), 0, bytes.length);
    expect(ticks(0x78)).toBe(960);
    expect(ticks(0x79)).toBe(1920);
    expect(ticks(0x7a)).toBe(1920);
    expect(ticks(0x7b, 0xc3)).toBe(2880);
    expect(opusFrameCount(Uint8Array.of(0x7b, 0x3f), 0, 2)).toBe(63);
  });

  it("refuses no frames, a count that is missing, and more than 120 ms", () => {
    const ticks = (...bytes: number[]): number => opusPacketTicks(Uint8Array.from(bytes), 0, bytes.length);
    expect([ticks(), ticks(0x7b), ticks(0x7b, 0x80), ticks(0x7b, 7)]).toEqual([-1, -1, -1, -1]);
    expect(ticks(0x7b, 6)).toBe(5760);
    const bytes = Uint8Array.of(0x7b, 6, 1, 2);
    const probe = (source: Uint8Array, offset: number, length: number): unknown => {
      const found = opusPacketTicks(source, offset, length);
      return found < 0 ? undefined : found;
    };
    expect(acceptedPrefixes(bytes, probe)).toEqual([2, 3, 4]);
    for (const [offset, length] of absurdRanges(bytes)) expect(probe(bytes, offset, length)).toBeUndefined();
  });

  it("tells mono from stereo, and DTX by its size", () => {
    expect([opusChannels(0x78), opusChannels(0x7c)]).toEqual([1, 2]);
    expect([0, 1, 2, 3].map(isOpusDtx)).toEqual([false, true, true, false]);
  });
});
