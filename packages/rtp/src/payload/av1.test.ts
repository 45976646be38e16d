import { describe, expect, it } from "vitest";
import { absurdRanges, acceptedPrefixes } from "../../fixtures/malformed.ts";
import { Av1Payload, OBU_CONTINUED, ObuType, isAv1KeyframeStart } from "./av1.ts";

interface Element {
  readonly type: number;
  readonly bytes: number;
  readonly layers?: string;
}

function probe(
  bytes: Uint8Array,
  offset: number,
  length: number,
): { elements: Element[]; keyframe: boolean } | undefined {
  const payload = new Av1Payload();
  if (!payload.set(bytes, offset, length)) return undefined;
  const elements: Element[] = [];
  while (payload.next()) {
    expect(payload.obuPayloadOffset).toBeLessThanOrEqual(payload.elementOffset + payload.elementBytes);
    const element = { type: payload.obuType, bytes: payload.elementBytes };
    elements.push(payload.hasLayerIds ? { ...element, layers: `${payload.spatialId}/${payload.temporalId}` } : element);
  }
  expect(isAv1KeyframeStart(bytes, offset, length)).toBe(payload.keyframe);
  return { elements, keyframe: payload.keyframe };
}

function read(...bytes: number[]): { elements: Element[]; keyframe: boolean } | undefined {
  return probe(Uint8Array.from(bytes), 0, bytes.length);
}

describe("Av1Payload (AV1 RTP v1.0.0 §4.4, §4.5)", () => {
  it("takes the lengths of all but the last element where W says how many", () => {
    // W=2: sequence header of 3 bytes, frame of the rest with layer ids (temporal 1, spatial 2).
    expect(read(0x28, 3, 0x08, 1, 2, 0x34, 0x30, 9, 9)).toEqual({
      elements: [
        { type: ObuType.SEQUENCE_HEADER, bytes: 3 },
        { type: ObuType.FRAME, bytes: 4, layers: "2/1" },
      ],
      keyframe: true,
    });
  });

  it("takes a length of each element where W is 0", () => {
    expect(read(0x00, 2, 0x30, 1, 3, 0x30, 1, 2)).toEqual({
      elements: [
        { type: ObuType.FRAME, bytes: 2 },
        { type: ObuType.FRAME, bytes: 3 },
      ],
      keyframe: false,
    });
  });

  it("reads lengths of more than one byte", () => {
    const bytes = [0x20, 0x81, 0x01, ...new Uint8Array(129).fill(0x30), 0x30, 1];
    expect(read(...bytes)?.elements.map((element) => element.bytes)).toEqual([129, 2]);
  });

  it("does not look for a header in what goes on from the packet before", () => {
    expect(read(0x90, 0x08, 1, 2)).toEqual({ elements: [{ type: OBU_CONTINUED, bytes: 3 }], keyframe: false });
    expect(read(0xa0, 1, 0x08, 0x30, 1)?.elements.map((element) => element.type)).toEqual([
      OBU_CONTINUED,
      ObuType.FRAME,
    ]);
  });

  it("takes a leading sequence header for a keyframe, without N too", () => {
    expect(read(0x10, 0x08, 1)?.keyframe).toBe(true);
    expect(read(0x00, 2, 0x08, 1)?.keyframe).toBe(true);
    expect(read(0x18, 0x30, 1)?.keyframe).toBe(true);
    expect(read(0x10, 0x30, 1)?.keyframe).toBe(false);
  });

  it("passes over the size field of an OBU that has one", () => {
    const payload = new Av1Payload();
    payload.set(Uint8Array.of(0x10, 0x0e, 0x00, 0x82, 0x00, 7, 7), 0, 7);
    expect([payload.next(), payload.obuPayloadOffset, payload.hasLayerIds]).toEqual([true, 5, true]);
  });

  it("refuses what is malformed", () => {
    for (const bytes of [
      [],
      [0x10],
      // N with Z; length past the end; fewer or more elements than announced; endless leb128.
      [0x98, 1, 1],
      [0x20, 9, 1, 2],
      [0x30, 1, 0x30],
      [0x00, 0x80],
      [0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
      [0x00, 0xff, 0xff, 0xff, 0xff, 0x7f, 1],
    ]) {
      expect(read(...bytes)).toBeUndefined();
    }
  });

  it("reads nothing outside, whatever the prefix", () => {
    const bytes = Uint8Array.of(0x28, 3, 0x08, 1, 2, 0x34, 0x30, 9, 9);
    acceptedPrefixes(bytes, probe);
    acceptedPrefixes(Uint8Array.of(0x00, 2, 0x36, 0x80, 3, 0x36, 1, 0x80), probe);
    for (const [offset, length] of absurdRanges(bytes)) expect(probe(bytes, offset, length)).toBeUndefined();
  });
});
