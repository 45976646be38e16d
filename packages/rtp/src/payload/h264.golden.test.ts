import { describe, expect, it } from "vitest";
import { loadFixture } from "../../fixtures/fixture.ts";
import { byTimestamp, mediaPackets } from "../../fixtures/packets.ts";
import type { RtpPacketView } from "../rtp-packet-view.ts";
import { CodecKind } from "./codec-kind.ts";
import { H264Payload, NalType } from "./h264.ts";
import { H264Sps } from "./h264-sps.ts";
import { isKeyframeStart } from "./keyframe.ts";

interface SeenFrame {
  readonly nalTypes: number[];
  /** Of all NAL units, headers included. */
  bytes: number;
  keyframeStarts: number;
  readonly sizes: [number, number][];
}

/** Puts a frame together from its packets. */
function assemble(packets: readonly RtpPacketView[]): SeenFrame {
  const seen: SeenFrame = { nalTypes: [], bytes: 0, keyframeStarts: 0, sizes: [] };
  const payload = new H264Payload();
  const sps = new H264Sps();
  for (const view of packets) {
    expect(payload.set(view.bytes, view.payloadOffset, view.payloadBytes)).toBe(true);
    const starts = isKeyframeStart(CodecKind.H264, view.bytes, view.payloadOffset, view.payloadBytes);
    expect(starts).toBe(payload.keyframe);
    if (starts) seen.keyframeStarts++;
    while (payload.next()) {
      const fragmented = payload.packetType === NalType.FU_A;
      if (payload.startsNalUnit) seen.nalTypes.push(payload.nalType);
      seen.bytes += payload.nalBytes + (fragmented && payload.startsNalUnit ? 1 : 0);
      if (payload.nalType !== NalType.SPS) continue;
      expect(sps.set(view.bytes, payload.nalOffset, payload.nalBytes)).toBe(true);
      seen.sizes.push([sps.width, sps.height]);
    }
  }
  return seen;
}

describe("H264 as encoders make it", () => {
  it.each(["ffmpeg-h264", "ffmpeg-h264-high"])("%s", (name) => {
    const { info, records } = loadFixture(name);
    const frames = byTimestamp(mediaPackets({ name, info, records })).map(assemble);
    expect(frames).toHaveLength(info.frames.length);
    frames.forEach((frame, index) => {
      const { key, bytes } = info.frames[index];
      const slices = frame.nalTypes.filter((type) => type === NalType.IDR || type === NalType.SLICE);
      expect(slices).toEqual(slices.map(() => (key ? NalType.IDR : NalType.SLICE)));
      expect(slices).toHaveLength(info.facts["slices"] as number);
      // Start codes of three or four bytes were taken away.
      expect(bytes - frame.bytes).toBeGreaterThanOrEqual(3 * frame.nalTypes.length);
      expect(bytes - frame.bytes).toBeLessThanOrEqual(4 * frame.nalTypes.length);
      expect(frame.keyframeStarts > 0).toBe(key);
      expect(frame.sizes).toEqual(key ? [[info.width, info.height]] : []);
    });
  });

  it("gstreamer-h264-stap aggregates parameter sets with the first slice", () => {
    const fixture = loadFixture("gstreamer-h264-stap");
    const groups = byTimestamp(mediaPackets(fixture));
    expect(groups).toHaveLength(fixture.info.frames.length);
    groups.forEach((packets, index) => {
      const { key } = fixture.info.frames[index];
      const payload = new H264Payload();
      const [first] = packets;
      payload.set(first.bytes, first.payloadOffset, first.payloadBytes);
      expect(payload.keyframe).toBe(key);
      if (key) expect([payload.packetType, payload.hasSps, payload.hasPps]).toEqual([NalType.STAP_A, true, true]);
      // This payloader repeats the parameter sets.
      const { sizes } = assemble(packets);
      expect(sizes.length > 0).toBe(key);
      expect(sizes).toEqual(sizes.map(() => [320, 180]));
    });
  });

  it.each(["chromium-h264", "chromium-h264-l1t2-dd"])("%s", (name) => {
    const fixture = loadFixture(name);
    const groups = byTimestamp(mediaPackets(fixture));
    expect(fixture.info.frames.some((frame) => frame.key)).toBe(true);
    for (const frame of fixture.info.frames) {
      const packets = groups.find(([first]) => first.timestamp === frame.rtpTimestamp) ?? [];
      const seen = assemble(packets);
      expect(seen.keyframeStarts > 0).toBe(frame.key);
      expect(seen.sizes).toEqual(frame.key ? [[frame.width, frame.height]] : []);
      expect(frame.bytes - seen.bytes).toBeGreaterThanOrEqual(3 * seen.nalTypes.length);
      expect(frame.bytes - seen.bytes).toBeLessThanOrEqual(4 * seen.nalTypes.length);
    }
  });
});
