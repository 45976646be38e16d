import { describe, expect, it } from "vitest";
import { loadFixture } from "../../fixtures/fixture.ts";
import type { FixtureFrame } from "../../fixtures/fixture.ts";
import { byTimestamp, mediaPackets } from "../../fixtures/packets.ts";
import type { RtpPacketView } from "../rtp-packet-view.ts";
import { delta8, pictureIdDelta } from "../sequence.ts";
import { CodecKind } from "./codec-kind.ts";
import { isKeyframeStart } from "./keyframe.ts";
import { Vp8Payload } from "./vp8.ts";

function read(view: RtpPacketView): Vp8Payload {
  const payload = new Vp8Payload();
  expect(payload.set(view.bytes, view.payloadOffset, view.payloadBytes)).toBe(true);
  return payload;
}

/** What every encoder must show: frame starts, sizes, keyframes. */
function expectFrame(packets: readonly RtpPacketView[], frame: FixtureFrame, width: number, height: number): void {
  const payloads = packets.map(read);
  expect(payloads.map((payload) => payload.startOfFrame)).toEqual(packets.map((_, index) => index === 0));
  expect(payloads.map((payload) => payload.keyframe)).toEqual(packets.map((_, index) => index === 0 && frame.key));
  expect(packets.map((packet) => packet.marker)).toEqual(packets.map((_, index) => index === packets.length - 1));
  const starts = packets.map((view) =>
    isKeyframeStart(CodecKind.VP8, view.bytes, view.payloadOffset, view.payloadBytes),
  );
  expect(starts).toEqual(payloads.map((payload) => payload.keyframe));
  const bytes = packets.reduce((sum, view, index) => sum + view.payloadBytes - payloads[index].descriptorBytes, 0);
  expect(bytes).toBe(frame.bytes);
  expect(payloads[0].width).toBe(frame.key ? width : 0);
  expect(payloads[0].height).toBe(frame.key ? height : 0);
}

describe("VP8 as encoders make it", () => {
  it.each(["ffmpeg-vp8", "gstreamer-vp8-picture-id-7", "gstreamer-vp8-picture-id-15"])("%s", (name) => {
    const fixture = loadFixture(name);
    const frames = byTimestamp(mediaPackets(fixture));
    expect(frames).toHaveLength(fixture.info.frames.length);
    frames.forEach((packets, index) => {
      expectFrame(packets, fixture.info.frames[index], fixture.info.width, fixture.info.height);
    });
  });

  it.each(["gstreamer-vp8-picture-id-7", "gstreamer-vp8-picture-id-15"])(
    "%s counts pictures across the wrap",
    (name) => {
      const fixture = loadFixture(name);
      const { pictureIdBits, firstPictureId } = fixture.info.facts as { pictureIdBits: number; firstPictureId: number };
      const modulus = 2 ** pictureIdBits;
      byTimestamp(mediaPackets(fixture)).forEach((packets, index) => {
        for (const payload of packets.map(read)) {
          expect(payload.pictureIdBits).toBe(pictureIdBits);
          expect(payload.pictureId).toBe((firstPictureId + index) % modulus);
          expect(pictureIdDelta(payload.pictureId, firstPictureId, pictureIdBits)).toBe(index);
        }
      });
    },
  );

  it("chromium-vp8-simulcast: three encodings with three temporal layers each", () => {
    const fixture = loadFixture("chromium-vp8-simulcast");
    const groups = byTimestamp(mediaPackets(fixture));
    const ssrcs = new Set(fixture.info.frames.map((frame) => frame.ssrc));
    expect(ssrcs.size).toBe(3);
    for (const frame of fixture.info.frames) {
      const packets = groups.find(([first]) => first.ssrc === frame.ssrc && first.timestamp === frame.rtpTimestamp);
      expect(packets).toBeDefined();
      expectFrame(packets ?? [], frame, frame.width ?? 0, frame.height ?? 0);
      expect(read((packets ?? [])[0]).temporalId).toBe(frame.temporalId);
    }
    expect(new Set(fixture.info.frames.map((frame) => frame.temporalId))).toEqual(new Set([0, 1, 2]));
  });

  it("chromium-vp8-simulcast: picture ids and TL0PICIDX go on without a gap", () => {
    for (const ssrc of new Set(mediaPackets(loadFixture("chromium-vp8-simulcast")).map((view) => view.ssrc))) {
      const groups = byTimestamp(mediaPackets(loadFixture("chromium-vp8-simulcast")).filter((v) => v.ssrc === ssrc));
      const payloads = groups.map(([first]) => read(first));
      for (let i = 1; i < payloads.length; i++) {
        expect(pictureIdDelta(payloads[i].pictureId, payloads[i - 1].pictureId, 15)).toBe(1);
        const advance = payloads[i].temporalId === 0 ? 1 : 0;
        expect(delta8(payloads[i].tl0PictureIndex, payloads[i - 1].tl0PictureIndex)).toBe(advance);
      }
    }
  });
});
