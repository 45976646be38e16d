import { describe, expect, it } from "vitest";
import { absurdRanges, acceptedPrefixes } from "../../fixtures/malformed.ts";
import { H264Payload, NalType, isH264KeyframeStart } from "./h264.ts";
import { H264Sps } from "./h264-sps.ts";

interface Nal {
  readonly type: number;
  readonly offset: number;
  readonly bytes: number;
}

function probe(bytes: Uint8Array, offset: number, length: number): { nals: Nal[]; keyframe: boolean } | undefined {
  const payload = new H264Payload();
  if (!payload.set(bytes, offset, length)) return undefined;
  const nals: Nal[] = [];
  while (payload.next()) {
    nals.push({ type: payload.nalType, offset: payload.nalOffset - offset, bytes: payload.nalBytes });
  }
  expect(isH264KeyframeStart(bytes, offset, length)).toBe(payload.keyframe);
  return { nals, keyframe: payload.keyframe };
}

function read(...bytes: number[]): { nals: Nal[]; keyframe: boolean } | undefined {
  return probe(Uint8Array.from(bytes), 0, bytes.length);
}

describe("H264Payload (RFC 6184)", () => {
  it("reads single NAL units", () => {
    expect(read(0x67, 1, 2)).toEqual({ nals: [{ type: NalType.SPS, offset: 0, bytes: 3 }], keyframe: true });
    expect(read(0x65, 0x88)).toEqual({ nals: [{ type: NalType.IDR, offset: 0, bytes: 2 }], keyframe: true });
    expect(read(0x41, 0x9a)?.keyframe).toBe(false);
    expect(read(0x68, 0x9a)?.keyframe).toBe(false);
  });

  it("takes only the first slice of an IDR picture for its start", () => {
    expect(read(0x65, 0x40)?.keyframe).toBe(false);
    expect(read(0x65)?.keyframe).toBe(false);
    expect(read(0x7c, 0x85, 0x88)?.keyframe).toBe(true);
    expect(read(0x7c, 0x85, 0x48)?.keyframe).toBe(false);
    expect(read(0x7c, 0x05, 0x88)?.keyframe).toBe(false);
    expect(read(0x7c, 0x45, 0x88)?.keyframe).toBe(false);
  });

  it("reads STAP-A", () => {
    expect(read(0x78, 0, 2, 0x67, 1, 0, 1, 0x68, 0, 3, 0x65, 0x88, 9)).toEqual({
      nals: [
        { type: NalType.SPS, offset: 3, bytes: 2 },
        { type: NalType.PPS, offset: 7, bytes: 1 },
        { type: NalType.IDR, offset: 10, bytes: 3 },
      ],
      keyframe: true,
    });
    expect(read(0x78, 0, 2, 0x06, 1, 0, 1, 0x68)?.keyframe).toBe(false);
  });

  it("reads fragments", () => {
    expect(read(0x7c, 0x81, 7, 8)).toEqual({ nals: [{ type: NalType.SLICE, offset: 2, bytes: 2 }], keyframe: false });
  });

  it("refuses what is malformed or never negotiated", () => {
    for (const bytes of [[], [0x78], [0x78, 0], [0x78, 0, 0], [0x78, 0, 3, 1, 2], [0x7c], [0x7c, 0x85], [0x00, 1]]) {
      expect(read(...bytes)).toBeUndefined();
    }
    // A fragment that is both first and last; STAP-B, MTAP, FU-B.
    for (const bytes of [
      [0x7c, 0xc5, 1],
      [0x79, 0, 0, 0, 1, 7],
      [0x7a, 0, 0],
      [0x7d, 0x85, 1],
    ]) {
      expect(read(...bytes)).toBeUndefined();
    }
  });

  it("reads nothing outside, whatever the prefix", () => {
    const stap = Uint8Array.of(0x78, 0, 2, 0x67, 1, 0, 1, 0x68, 0, 3, 0x65, 0x88, 9);
    expect(acceptedPrefixes(stap, probe)).toEqual([5, 8, 13]);
    expect(acceptedPrefixes(Uint8Array.of(0x7c, 0x85, 0x88, 1), probe)).toEqual([3, 4]);
    for (const [offset, length] of absurdRanges(stap)) expect(probe(stap, offset, length)).toBeUndefined();
  });
});

describe("H264Sps", () => {
  // Constrained baseline 4.0 of 1920×1080 (cropped from 1088), as an encoder wrote it.
  const sps = [0x67, 0x42, 0xc0, 0x28, 0xd9, 0x00, 0x78, 0x02, 0x27, 0xe5];

  it("knows profile, level and cropped size", () => {
    const reader = new H264Sps();
    expect(reader.set(Uint8Array.from(sps), 0, sps.length)).toBe(true);
    expect(reader).toMatchObject({ profileIdc: 0x42, constraintFlags: 0xc0, levelIdc: 40 });
    expect([reader.width, reader.height]).toEqual([1920, 1080]);
  });

  it("refuses what is cut short", () => {
    const spsProbe = (bytes: Uint8Array, offset: number, length: number): unknown => {
      const reader = new H264Sps();
      return reader.set(bytes, offset, length) ? [reader.width, reader.height, reader.levelIdc] : undefined;
    };
    const accepted = acceptedPrefixes(Uint8Array.from(sps), spsProbe);
    expect(accepted.every((length) => length >= 9)).toBe(true);
    expect(spsProbe(new Uint8Array(600), 0, 600)).toBeUndefined();
  });
});
