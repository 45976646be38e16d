import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { absurdRanges, acceptedPrefixes } from "../../fixtures/malformed.ts";
import { Vp8Payload, isVp8KeyframeStart, patchVp8PictureId } from "./vp8.ts";

const KEYFRAME = [0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xb4, 0x40];

function probe(bytes: Uint8Array, offset: number, length: number): unknown {
  const starts = isVp8KeyframeStart(bytes, offset, length);
  const payload = new Vp8Payload();
  if (!payload.set(bytes, offset, length)) return undefined;
  expect(payload.keyframe).toBe(starts);
  const { pictureIdOffset, tl0PictureIndexOffset, layerOffset, ...fields } = payload;
  return [fields, pictureIdOffset - offset, tl0PictureIndexOffset - offset, layerOffset - offset];
}

/** Descriptor with the given fields (RFC 7741 §4.2). */
const descriptor = fc.record({
  nonReference: fc.boolean(),
  start: fc.boolean(),
  partition: fc.integer({ min: 0, max: 7 }),
  pictureId: fc.option(fc.record({ long: fc.boolean(), value: fc.integer({ min: 0, max: 0x7fff }) })),
  tl0: fc.option(fc.integer({ min: 0, max: 255 })),
  layer: fc.option(fc.record({ temporalId: fc.integer({ min: 0, max: 3 }), sync: fc.boolean() })),
  keyIndex: fc.option(fc.integer({ min: 0, max: 31 })),
});

describe("Vp8Payload", () => {
  it("reads the examples of RFC 7741 §4.6", () => {
    const payload = new Vp8Payload();
    // §4.6.1: X=1, S=1; I=1; PictureID 17. A key frame of 320×180 follows.
    const bytes = Uint8Array.of(0x90, 0x80, 0x11, ...KEYFRAME);
    expect(payload.set(bytes, 0, bytes.length)).toBe(true);
    expect(payload).toMatchObject({ pictureId: 17, pictureIdBits: 7, pictureIdOffset: 2, startOfFrame: true });
    expect(payload).toMatchObject({ keyframe: true, width: 320, height: 180, descriptorBytes: 3 });
    // §4.6.4: 15-bit PictureID 4711, the rest of the first partition.
    const long = Uint8Array.of(0x80, 0x80, 0x92, 0x67, 1);
    expect(payload.set(long, 0, long.length)).toBe(true);
    expect(payload).toMatchObject({ pictureId: 4711, pictureIdBits: 15, startOfFrame: false, keyframe: false });
    expect(payload).toMatchObject({ width: 0, height: 0, tl0PictureIndex: -1, keyIndex: -1, layerOffset: -1 });
  });

  it("reads back any descriptor, and says where its fields are", () => {
    fc.assert(
      fc.property(descriptor, (told) => {
        const { pictureId, tl0, layer, keyIndex } = told;
        const id =
          pictureId === null
            ? []
            : pictureId.long
              ? [0x80 | (pictureId.value >> 8), pictureId.value & 0xff]
              : [pictureId.value & 0x7f];
        const extended = pictureId !== null || tl0 !== null || layer !== null || keyIndex !== null;
        const flags =
          (pictureId === null ? 0 : 0x80) |
          (tl0 === null ? 0 : 0x40) |
          (layer === null ? 0 : 0x20) |
          (keyIndex === null ? 0 : 0x10);
        const layerOctet = ((layer?.temporalId ?? 0) << 6) | (layer?.sync === true ? 0x20 : 0) | (keyIndex ?? 0);
        const head = (extended ? 0x80 : 0) | (told.nonReference ? 0x20 : 0) | (told.start ? 0x10 : 0) | told.partition;
        const bytes = Uint8Array.from([
          head,
          ...(extended ? [flags] : []),
          ...id,
          ...(tl0 === null ? [] : [tl0]),
          ...(layer === null && keyIndex === null ? [] : [layerOctet]),
          0x01,
        ]);
        const payload = new Vp8Payload();
        expect(payload.set(bytes, 0, bytes.length)).toBe(true);
        expect(payload.descriptorBytes).toBe(bytes.length - 1);
        expect(payload.nonReference).toBe(told.nonReference);
        expect(payload.startOfFrame).toBe(told.start && told.partition === 0);
        expect(payload.pictureId).toBe(
          pictureId === null ? -1 : pictureId.long ? pictureId.value : pictureId.value & 0x7f,
        );
        expect(payload.tl0PictureIndex).toBe(tl0 ?? -1);
        if (tl0 !== null) expect(bytes[payload.tl0PictureIndexOffset]).toBe(tl0);
        expect(payload.hasTemporalId).toBe(layer !== null);
        expect([payload.temporalId, payload.layerSync]).toEqual([layer?.temporalId ?? 0, layer?.sync ?? false]);
        expect(payload.keyIndex).toBe(keyIndex ?? -1);
        if (pictureId === null) return;
        patchVp8PictureId(bytes, payload.pictureIdOffset, payload.pictureIdBits, 0x7ffe);
        expect(payload.set(bytes, 0, bytes.length)).toBe(true);
        expect(payload.pictureId).toBe(pictureId.long ? 0x7ffe : 0x7e);
        expect(payload.tl0PictureIndex).toBe(tl0 ?? -1);
      }),
    );
  });

  it("takes for a keyframe only what has the start code, at the start of the first partition", () => {
    const starts = (...bytes: number[]): boolean => isVp8KeyframeStart(Uint8Array.from(bytes), 0, bytes.length);
    expect(starts(0x10, ...KEYFRAME)).toBe(true);
    expect(starts(0x00, ...KEYFRAME)).toBe(false);
    expect(starts(0x11, ...KEYFRAME)).toBe(false);
    expect(starts(0x10, 0x11, ...KEYFRAME.slice(1))).toBe(false);
    expect(starts(0x10, ...KEYFRAME.slice(0, 5), 0x2b, ...KEYFRAME.slice(6))).toBe(false);
  });

  it("refuses what is cut short, and reads nothing outside", () => {
    const bytes = Uint8Array.of(0x90, 0xf0, 0x81, 0x02, 0x03, 0x44, ...KEYFRAME, 9);
    expect(acceptedPrefixes(bytes, probe)).toEqual([16, 17]);
    const delta = Uint8Array.of(0x90, 0xf0, 0x81, 0x02, 0x03, 0x44, 0x01, 0x02);
    expect(acceptedPrefixes(delta, probe)).toEqual([7, 8]);
    for (const [offset, length] of absurdRanges(bytes)) expect(probe(bytes, offset, length)).toBeUndefined();
  });
});
