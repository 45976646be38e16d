import { describe, expect, it } from "vitest";
import { loadFixture } from "../../fixtures/fixture.ts";
import { byTimestamp, mediaPackets } from "../../fixtures/packets.ts";
import type { RtpPacketView } from "../rtp-packet-view.ts";
import { pictureIdDelta } from "../sequence.ts";
import { CodecKind } from "./codec-kind.ts";
import { isKeyframeStart } from "./keyframe.ts";
import { Vp9Payload } from "./vp9.ts";

function read(view: RtpPacketView): Vp9Payload {
  const payload = new Vp9Payload();
  expect(payload.set(view.bytes, view.payloadOffset, view.payloadBytes)).toBe(true);
  expect(isKeyframeStart(CodecKind.VP9, view.bytes, view.payloadOffset, view.payloadBytes)).toBe(payload.keyframe);
  return payload;
}

function frameBytes(packets: readonly RtpPacketView[]): number {
  return packets.reduce((sum, view) => sum + view.payloadBytes - read(view).descriptorBytes, 0);
}

describe("VP9 as encoders make it", () => {
  it.each(["ffmpeg-vp9", "gstreamer-vp9"])("%s", (name) => {
    const fixture = loadFixture(name);
    const frames = byTimestamp(mediaPackets(fixture));
    expect(frames).toHaveLength(fixture.info.frames.length);
    frames.forEach((packets, index) => {
      const { key, bytes } = fixture.info.frames[index];
      const payloads = packets.map(read);
      expect(payloads.map((payload) => payload.startOfFrame)).toEqual(packets.map((_, i) => i === 0));
      expect(payloads.map((payload) => payload.endOfFrame)).toEqual(packets.map((_, i) => i === packets.length - 1));
      expect(payloads.map((payload) => payload.keyframe)).toEqual(packets.map((_, i) => key && i === 0));
      expect(frameBytes(packets)).toBe(bytes);
    });
  });

  it("gstreamer-vp9 announces the size on keyframes, and counts pictures", () => {
    const fixture = loadFixture("gstreamer-vp9");
    const firsts = byTimestamp(mediaPackets(fixture)).map(([first]) => read(first));
    for (const payload of firsts.filter((first) => first.keyframe)) {
      expect(payload.hasScalabilityStructure).toBe(true);
      expect([payload.spatialLayerCount, payload.widths[0], payload.heights[0]]).toEqual([1, 320, 180]);
    }
    for (let i = 1; i < firsts.length; i++) {
      expect(firsts[i].pictureIdBits).toBe(15);
      expect(pictureIdDelta(firsts[i].pictureId, firsts[i - 1].pictureId, 15)).toBe(1);
    }
  });

  it.each(["chromium-vp9-l3t3-key", "chromium-vp9-l1t1"])(
    "%s: layers, references and sizes as the encoder told",
    (name) => {
      const fixture = loadFixture(name);
      const packets = mediaPackets(fixture);
      expect(fixture.info.frames.some((frame) => frame.key)).toBe(true);
      const pictureIds = new Map<number, number>();
      for (const frame of fixture.info.frames) {
        const ofFrame = packets.filter(
          (view) => view.timestamp === frame.rtpTimestamp && read(view).spatialId === frame.spatialId,
        );
        const payloads = ofFrame.map(read);
        expect(payloads.map((payload) => payload.startOfFrame)).toEqual(ofFrame.map((_, i) => i === 0));
        expect(payloads.map((payload) => payload.endOfFrame)).toEqual(ofFrame.map((_, i) => i === ofFrame.length - 1));
        expect(frameBytes(ofFrame)).toBe(frame.bytes);
        const [first] = payloads;
        expect(first.temporalId).toBe(frame.temporalId);
        expect(first.keyframe).toBe(frame.key);
        if (first.hasScalabilityStructure && frame.key) {
          expect(first.widths[0]).toBe(frame.width);
          expect(first.heights[0]).toBe(frame.height);
        }
        pictureIds.set(frame.frameId ?? -1, first.pictureId);
        expectReferences(first, frame.dependencies ?? [], pictureIds);
      }
    },
  );

  it("chromium-vp9-l3t3-key has three spatial and three temporal layers, with the sizes in the structure", () => {
    const payloads = mediaPackets(loadFixture("chromium-vp9-l3t3-key")).map(read);
    const keyframe = payloads.find((payload) => payload.keyframe);
    expect([...(keyframe?.widths ?? [])].slice(0, 4)).toEqual([320, 640, 1280, 0]);
    expect([...(keyframe?.heights ?? [])].slice(0, 4)).toEqual([180, 360, 720, 0]);
    expect(new Set(payloads.map((payload) => payload.spatialId))).toEqual(new Set([0, 1, 2]));
    expect(new Set(payloads.map((payload) => payload.temporalId))).toEqual(new Set([0, 1, 2]));
  });
});

/** Flexible mode lists them; those that the capture holds must be the ones that the encoder told. */
function expectReferences(payload: Vp9Payload, dependencies: readonly number[], pictureIds: Map<number, number>): void {
  if (!payload.flexible || !payload.interPicturePredicted) return;
  const told = dependencies
    .map((frameId) => pictureIds.get(frameId))
    .filter((pictureId) => pictureId !== undefined && pictureId !== payload.pictureId)
    .map((pictureId) => pictureIdDelta(payload.pictureId, pictureId ?? 0, 15));
  const listed = [...payload.references.subarray(0, payload.referenceCount)];
  for (const difference of told) expect(listed).toContain(difference);
}
