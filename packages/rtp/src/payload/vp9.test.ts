import { describe, expect, it } from "vitest";
import { absurdRanges, acceptedPrefixes } from "../../fixtures/malformed.ts";
import { Vp9Payload, isVp9KeyframeStart, patchVp9PictureId } from "./vp9.ts";

function read(...bytes: number[]): Vp9Payload | undefined {
  const payload = new Vp9Payload();
  if (!payload.set(Uint8Array.from(bytes), 0, bytes.length)) return undefined;
  return payload;
}

function probe(bytes: Uint8Array, offset: number, length: number): unknown {
  const payload = new Vp9Payload();
  if (!payload.set(bytes, offset, length)) return undefined;
  expect(isVp9KeyframeStart(bytes, offset, length)).toBe(payload.keyframe);
  const { pictureIdOffset, tl0PictureIndexOffset, ...fields } = payload;
  return [fields, pictureIdOffset - offset, tl0PictureIndexOffset - offset];
}

describe("Vp9Payload (RFC 9628 §4.2)", () => {
  it("reads flexible mode with references", () => {
    // I P L F B; PictureID 15 bits 0x1234; TID 2, U, SID 1, D; references 3 and 1.
    const payload = read(0xf8, 0x92, 0x34, 0x53, 0x07, 0x02, 0xaa);
    expect(payload).toMatchObject({ pictureId: 0x1234, pictureIdBits: 15, pictureIdOffset: 1, flexible: true });
    expect(payload).toMatchObject({ temporalId: 2, switchingUp: true, spatialId: 1, interLayerPredicted: true });
    expect(payload).toMatchObject({ tl0PictureIndex: -1, referenceCount: 2, startOfFrame: true, endOfFrame: false });
    expect([...(payload?.references ?? [])].slice(0, 2)).toEqual([3, 1]);
    expect(payload).toMatchObject({ keyframe: false, descriptorBytes: 6 });
  });

  it("reads non-flexible mode with TL0PICIDX", () => {
    // I L B E; PictureID 7 bits; TID 1, SID 0; TL0PICIDX 200.
    const payload = read(0xac, 0x11, 0x20, 200, 0xaa);
    expect(payload).toMatchObject({ pictureId: 0x11, pictureIdBits: 7, temporalId: 1, tl0PictureIndex: 200 });
    expect(payload).toMatchObject({ tl0PictureIndexOffset: 3, startOfFrame: true, endOfFrame: true, keyframe: true });
  });

  it("reads the scalability structure: sizes and picture group", () => {
    // V only; N_S=1 (two layers), Y, G; 320×180, 640×360; two pictures: TID 0 U with no, TID 1 with one reference.
    const sizes = [1, 64, 0, 180, 2, 128, 1, 104];
    const payload = read(0x02, 0x38, ...sizes, 2, 0x10, 0x24, 1, 0xaa);
    expect(payload).toMatchObject({ hasScalabilityStructure: true, spatialLayerCount: 2, groupSize: 2 });
    expect([...(payload?.widths ?? [])].slice(0, 3)).toEqual([320, 640, 0]);
    expect([...(payload?.heights ?? [])].slice(0, 3)).toEqual([180, 360, 0]);
    expect([...(payload?.groupTemporalIds ?? [])].slice(0, 2)).toEqual([0, 1]);
    expect([...(payload?.groupSwitchingUp ?? [])].slice(0, 2)).toEqual([1, 0]);
  });

  it("takes for a keyframe the base layer's first packet without prediction", () => {
    expect(read(0xa8, 1, 0x00, 0, 0xaa)?.keyframe).toBe(true);
    // Upper spatial layer of the key picture.
    expect(read(0xa8, 1, 0x03, 0, 0xaa)?.keyframe).toBe(false);
    // Predicted, or not the first packet.
    expect(read(0xe8, 1, 0x00, 0, 0xaa)?.keyframe).toBe(false);
    expect(read(0xa0, 1, 0x00, 0, 0xaa)?.keyframe).toBe(false);
  });

  it("looks into the frame where the descriptor says nothing", () => {
    // Frame marker 2, profile 0, show_existing_frame 0, frame_type 0 or 1.
    expect(read(0x08, 0x80)?.keyframe).toBe(true);
    expect(read(0x08, 0x84)?.keyframe).toBe(false);
    expect(read(0x08, 0x88)?.keyframe).toBe(false);
    // Profile 3 has a reserved bit more.
    expect(read(0x08, 0xb0)?.keyframe).toBe(true);
    expect(read(0x08, 0xb2)?.keyframe).toBe(false);
    expect(read(0x08, 0x40)?.keyframe).toBe(false);
  });

  it("refuses more than three references, and what is cut short", () => {
    expect(read(0x50, 0x03, 0x03, 0x02, 0xaa)?.referenceCount).toBe(3);
    expect(read(0x50, 0x03, 0x03, 0x03, 0x02, 0xaa)).toBeUndefined();
    const flexible = Uint8Array.of(0xf8, 0x92, 0x34, 0x53, 0x07, 0x02, 0xaa);
    expect(acceptedPrefixes(flexible, probe)).toEqual([7]);
    const structure = Uint8Array.of(0x0a, 0x38, 1, 64, 0, 180, 2, 128, 1, 104, 2, 0x10, 0x24, 1, 0xaa, 0xbb);
    expect(acceptedPrefixes(structure, probe)).toEqual([15, 16]);
    for (const [offset, length] of absurdRanges(structure)) expect(probe(structure, offset, length)).toBeUndefined();
  });

  it("lets the picture id be rewritten", () => {
    const bytes = Uint8Array.of(0xf8, 0x92, 0x34, 0x53, 0x07, 0x02, 0xaa);
    patchVp9PictureId(bytes, 1, 15, 0x7fff);
    expect(read(...bytes)?.pictureId).toBe(0x7fff);
    const short = Uint8Array.of(0xac, 0x11, 0x20, 200, 0xaa);
    patchVp9PictureId(short, 1, 7, 0x80);
    expect(read(...short)?.pictureId).toBe(0);
  });
});
