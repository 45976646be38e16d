import { describe, expect, it } from "vitest";
import { fixtureNames, loadFixture } from "../fixtures/fixture.ts";
import { mediaPackets, payloadOf, rtpPackets } from "../fixtures/packets.ts";
import { absSendTimeDeltaUs, readAbsSendTime } from "./abs-send-time.ts";
import { audioLevelOf, audioLevelVoice } from "./audio-level.ts";
import { readU16 } from "./byte-order.ts";
import { DatagramKind, classifyDatagram, isRtcp } from "./demux.ts";
import { ExtensionForm } from "./rtp-packet-view.ts";
import type { RtpPacketView } from "./rtp-packet-view.ts";
import { seqDelta } from "./sequence.ts";

const URI = {
  absSendTime: "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
  transportCc: "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
  mid: "urn:ietf:params:rtp-hdrext:sdes:mid",
  rid: "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
  repairedRid: "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
  audioLevel: "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
};

const chromium = fixtureNames().filter((name) => name.startsWith("chromium-") && !name.includes("rtcp"));

function text(view: RtpPacketView, id: number): string | undefined {
  const position = view.findExtension(id);
  if (position < 0) return undefined;
  return new TextDecoder().decode(view.bytes.subarray(position, position + view.extensionBytes));
}

describe("RTP packets as others make them", () => {
  it.each(fixtureNames())("%s: told from RTCP", (name) => {
    for (const { kind, bytes } of loadFixture(name).records) {
      expect(classifyDatagram(bytes[0])).toBe(DatagramKind.RTP);
      expect(isRtcp(bytes, 0)).toBe(kind === "rtcp");
    }
  });

  it.each(fixtureNames().filter((name) => !name.includes("rtcp")))("%s: sequence numbers without a gap", (name) => {
    const last = new Map<number, number>();
    for (const view of rtpPackets(loadFixture(name))) {
      const before = last.get(view.ssrc);
      if (before !== undefined) expect(seqDelta(view.sequenceNumber, before)).toBe(1);
      last.set(view.ssrc, view.sequenceNumber);
      expect(view.headerBytes + view.payloadBytes + view.paddingBytes).toBe(view.bytes.length);
      expect(view.hasTruncatedExtension()).toBe(false);
    }
  });

  it.each(chromium)("%s: transport-wide numbers, send times and mid", (name) => {
    const fixture = loadFixture(name);
    const packets = rtpPackets(fixture);
    const ids = fixture.info.extensions;
    const numbers = packets.map((view) => readU16(view.bytes, view.findExtension(ids[URI.transportCc])));
    const sendTimes = packets.map((view) => readAbsSendTime(view.bytes, view.findExtension(ids[URI.absSendTime])));
    for (let i = 1; i < packets.length; i++) {
      expect(seqDelta(numbers[i], numbers[i - 1])).toBe(1);
      const elapsedMs = fixture.records[i].timeMs - fixture.records[i - 1].timeMs;
      expect(Math.abs(absSendTimeDeltaUs(sendTimes[i], sendTimes[i - 1]) / 1000 - elapsedMs)).toBeLessThan(20);
    }
    // Chromium sends mid until the receiver has shown that it knows the ssrc.
    for (const view of packets) expect([undefined, "0"]).toContain(text(view, ids[URI.mid]));
  });

  it("chromium-vp8-simulcast-start: mid and rid, for RTX the repaired rid, in both forms of the block", () => {
    const fixture = loadFixture("chromium-vp8-simulcast-start");
    const outbound = fixture.info.facts["outbound"] as { ssrc: number; rid: string }[];
    const ids = fixture.info.extensions;
    const forms = new Set<number>();
    for (const view of rtpPackets(fixture)) {
      forms.add(view.extensionForm);
      expect(text(view, ids[URI.mid])).toBe("0");
      const isMedia = view.payloadType === fixture.info.payloadType;
      if (isMedia) expect(text(view, ids[URI.rid])).toBe(outbound.find((stream) => stream.ssrc === view.ssrc)?.rid);
      else expect(["q", "h", "f"]).toContain(text(view, ids[URI.repairedRid]));
      expect(text(view, isMedia ? ids[URI.repairedRid] : ids[URI.rid])).toBeUndefined();
    }
    expect(forms).toEqual(new Set([ExtensionForm.ONE_BYTE, ExtensionForm.TWO_BYTE]));
  });

  it("chromium-vp8-simulcast-start: probes are padding alone, or RTX of what was sent before", () => {
    const fixture = loadFixture("chromium-vp8-simulcast-start");
    const sent = new Map<number, Uint8Array>();
    let padding = 0;
    let repeated = 0;
    for (const view of rtpPackets(fixture)) {
      if (view.payloadType === fixture.info.payloadType) {
        sent.set(view.sequenceNumber, payloadOf(view));
      } else if (view.payloadBytes === 0) {
        expect(view.paddingBytes).toBeGreaterThan(0);
        padding++;
      } else {
        const original = sent.get(readU16(view.bytes, view.payloadOffset));
        if (original !== undefined) expect(payloadOf(view).slice(2)).toEqual(original);
        if (original !== undefined) repeated++;
      }
    }
    expect(padding).toBeGreaterThan(0);
    expect(repeated).toBeGreaterThan(0);
  });

  it("chromium-opus-red and -dtx: loud and voiced while the tone sounds, silent afterwards", () => {
    for (const name of ["chromium-opus-red", "chromium-opus-dtx"]) {
      const fixture = loadFixture(name);
      const levels = mediaPackets(fixture).map((view) => {
        const position = view.findExtension(fixture.info.extensions[URI.audioLevel]);
        expect(view.extensionBytes).toBe(1);
        return view.bytes[position];
      });
      if (name === "chromium-opus-red") {
        expect(Math.min(...levels.map(audioLevelOf))).toBeLessThan(40);
        expect(levels.some(audioLevelVoice)).toBe(true);
      } else {
        expect(audioLevelOf(levels.at(-1) ?? 0)).toBe(127);
        expect(audioLevelVoice(levels.at(-1) ?? 0)).toBe(false);
      }
    }
  });
});
