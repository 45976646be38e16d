import { describe, expect, it } from "vitest";
import { loadFixture } from "../../fixtures/fixture.ts";
import { mediaPackets } from "../../fixtures/packets.ts";
import type { RtpPacketView } from "../rtp-packet-view.ts";
import { Av1Payload, OBU_CONTINUED, ObuType } from "./av1.ts";
import { Av1SequenceHeader } from "./av1-sequence-header.ts";
import { CodecKind } from "./codec-kind.ts";
import { isKeyframeStart } from "./keyframe.ts";

function read(view: RtpPacketView): Av1Payload {
  const payload = new Av1Payload();
  expect(payload.set(view.bytes, view.payloadOffset, view.payloadBytes)).toBe(true);
  expect(isKeyframeStart(CodecKind.AV1, view.bytes, view.payloadOffset, view.payloadBytes)).toBe(payload.keyframe);
  return payload;
}

interface Seen {
  obuTypes: number[];
  layers: string[];
  bytes: number;
  size: [number, number] | undefined;
}

function walk(view: RtpPacketView): Seen {
  const payload = read(view);
  const header = new Av1SequenceHeader();
  const seen: Seen = { obuTypes: [], layers: [], bytes: 0, size: undefined };
  while (payload.next()) {
    seen.obuTypes.push(payload.obuType);
    seen.bytes += payload.elementBytes;
    if (payload.hasLayerIds) seen.layers.push(`${payload.spatialId}/${payload.temporalId}`);
    if (payload.obuType !== ObuType.SEQUENCE_HEADER) continue;
    const end = payload.elementOffset + payload.elementBytes;
    expect(header.set(view.bytes, payload.obuPayloadOffset, end - payload.obuPayloadOffset)).toBe(true);
    seen.size = [header.maxWidth, header.maxHeight];
  }
  return seen;
}

describe("AV1 as Chromium makes it", () => {
  it.each(["chromium-av1-l2t2-key", "chromium-av1-l1t3"])("%s: OBUs, layers and keyframes", (name) => {
    const fixture = loadFixture(name);
    const packets = mediaPackets(fixture);
    const keyTimestamps = fixture.info.frames.filter((frame) => frame.key).map((frame) => frame.rtpTimestamp);
    expect(keyTimestamps.length).toBeGreaterThan(0);
    for (const frame of fixture.info.frames) {
      const sameTime = packets.filter((view) => view.timestamp === frame.rtpTimestamp);
      expect(read(sameTime[0]).keyframe).toBe(keyTimestamps.includes(frame.rtpTimestamp));
      expect(sameTime.slice(1).some((view) => read(view).keyframe)).toBe(false);
      const layers = new Set(sameTime.flatMap((view) => walk(view).layers));
      if (layers.size > 0) expect(layers).toContain(`${frame.spatialId}/${frame.temporalId}`);
      const types = sameTime.flatMap((view) => walk(view).obuTypes);
      expect(types).not.toContain(ObuType.TEMPORAL_DELIMITER);
      expect(types).toContain(ObuType.FRAME);
    }
  });

  it.each(["chromium-av1-l2t2-key", "chromium-av1-l1t3"])("%s: bytes and size", (name) => {
    const fixture = loadFixture(name);
    const packets = mediaPackets(fixture);
    for (const timestamp of new Set(fixture.info.frames.map((frame) => frame.rtpTimestamp))) {
      const sameTime = packets.filter((view) => view.timestamp === timestamp).map(walk);
      const frames = fixture.info.frames.filter((frame) => frame.rtpTimestamp === timestamp);
      const told = frames.reduce((sum, frame) => sum + frame.bytes, 0);
      const seen = sameTime.reduce((sum, one) => sum + one.bytes, 0);
      // Temporal delimiters and OBU sizes (at most 3 bytes here) are taken out.
      const obus = sameTime.flatMap((one) => one.obuTypes).filter((type) => type !== OBU_CONTINUED).length;
      expect(told - seen).toBeGreaterThanOrEqual(obus);
      expect(told - seen).toBeLessThanOrEqual(3 * obus + 2 * frames.length);
      if (frames.some((frame) => frame.key)) {
        expect(sameTime[0].obuTypes[0]).toBe(ObuType.SEQUENCE_HEADER);
        expect(sameTime[0].size).toEqual([fixture.info.width, fixture.info.height]);
      }
    }
  });
});
