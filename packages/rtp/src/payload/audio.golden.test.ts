import { describe, expect, it } from "vitest";
import { loadFixture } from "../../fixtures/fixture.ts";
import { mediaPackets, payloadOf, rtpPackets } from "../../fixtures/packets.ts";
import type { RtpPacketView } from "../rtp-packet-view.ts";
import { timestampDelta } from "../sequence.ts";
import { isOpusDtx, opusChannels, opusPacketTicks } from "./opus.ts";
import { RedPayload } from "./red.ts";

function ticksOf(view: RtpPacketView): number {
  return opusPacketTicks(view.bytes, view.payloadOffset, view.payloadBytes);
}

describe("Opus as encoders make it", () => {
  it.each(["ffmpeg-opus-20ms-stereo", "ffmpeg-opus-60ms-mono", "gstreamer-opus"])("%s", (name) => {
    const fixture = loadFixture(name);
    const packets = mediaPackets(fixture);
    expect(packets.map((view) => view.payloadBytes)).toEqual(fixture.info.frames.map((frame) => frame.bytes));
    for (const view of packets) {
      expect(ticksOf(view)).toBe(fixture.info.facts["frameTicks"]);
      expect(opusChannels(view.bytes[view.payloadOffset])).toBe(fixture.info.facts["channels"]);
    }
  });

  it("the duration is what the timestamp advances by", () => {
    for (const name of ["ffmpeg-opus-20ms-stereo", "ffmpeg-opus-60ms-mono"]) {
      const packets = mediaPackets(loadFixture(name));
      for (let i = 1; i < packets.length; i++) {
        expect(timestampDelta(packets[i].timestamp, packets[i - 1].timestamp)).toBe(ticksOf(packets[i - 1]));
      }
    }
  });

  it("chromium-opus-dtx: silence is sent as rare tiny packets", () => {
    const packets = mediaPackets(loadFixture("chromium-opus-dtx"));
    const gaps = packets.slice(1).map((view, i) => timestampDelta(view.timestamp, packets[i].timestamp));
    const dtx = packets.filter((view) => isOpusDtx(view.payloadBytes));
    expect(dtx.length).toBeGreaterThan(0);
    expect(dtx.length).toBeLessThan(packets.length);
    for (const view of packets) expect(ticksOf(view)).toBe(960);
    // Gaps in time come after DTX packets only.
    gaps.forEach((gap, i) => {
      if (gap > 960) expect(isOpusDtx(packets[i].payloadBytes)).toBe(true);
    });
    expect(Math.max(...gaps)).toBeGreaterThan(960);
  });
});

/** Redundant blocks must be the primaries of earlier packets, byte for byte. */
function expectRedundancy(packets: readonly RtpPacketView[], primaryType: number): number {
  const red = new RedPayload();
  const primaries = new Map<number, Uint8Array>();
  let compared = 0;
  for (const view of packets) {
    expect(red.set(view.bytes, view.payloadOffset, view.payloadBytes)).toBe(true);
    expect(red.primaryPayloadType).toBe(primaryType);
    const primary = view.bytes.slice(red.primaryOffset, red.primaryOffset + red.primaryBytes);
    expect(opusPacketTicks(primary, 0, primary.length)).toBe(960);
    for (let i = 0; i < red.blockCount; i++) {
      expect(red.payloadType(i)).toBe(primaryType);
      const earlier = primaries.get((view.timestamp - red.timestampOffset(i)) >>> 0);
      if (earlier === undefined) continue;
      expect(view.bytes.slice(red.blockOffset(i), red.blockOffset(i) + red.blockBytes(i))).toEqual(earlier);
      compared++;
    }
    primaries.set(view.timestamp, primary);
  }
  return compared;
}

describe("RED as encoders make it", () => {
  it("gstreamer-opus-red carries the packet before the last", () => {
    const fixture = loadFixture("gstreamer-opus-red");
    const { primaryPayloadType, distance } = fixture.info.facts as { primaryPayloadType: number; distance: number };
    const packets = rtpPackets(fixture);
    expect(expectRedundancy(packets, primaryPayloadType)).toBeGreaterThanOrEqual(packets.length - distance);
    const red = new RedPayload();
    packets.forEach((view, index) => {
      red.set(view.bytes, view.payloadOffset, view.payloadBytes);
      expect(red.primaryBytes).toBe(fixture.info.frames[index].bytes);
    });
  });

  it("chromium-opus-red carries the packet before", () => {
    const fixture = loadFixture("chromium-opus-red");
    const fmtp = (fixture.info.facts["fmtp"] as string[]).find((line) => line.startsWith("63 "));
    expect(fmtp).toBe("63 111/111");
    const packets = mediaPackets(fixture);
    expect(expectRedundancy(packets, 111)).toBeGreaterThan(packets.length / 2);
    expect(payloadOf(packets[0]).length).toBe(packets[0].payloadBytes);
  });
});
