import { RtpPacketView } from "@cation/rtp/rtp-packet-view";
import { Vp8Payload } from "@cation/rtp/payload/vp8";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { GatheredPacket } from "./gathering-sink.ts";
import type { TrackId } from "./ids.ts";
import { PUBLISHER_EXTENSIONS, VIEWER_EXTENSIONS, vp8 } from "./testing/codecs.ts";
import { EngineFixture } from "./testing/engine-fixture.ts";
import { buildRtp, buildVp8 } from "./testing/rtp-builder.ts";

const SSRC = 0xf000_0001;
const HIGHEST_TEMPORAL_ID = 2;
const QUICK = 2;
const SLOW = 3;

/** One publisher and two viewers that get the same: one by the short way, one whose every packet is looked at. */
function setUp(): EngineFixture {
  const fixture = new EngineFixture();
  const producer = fixture.engine.addProducer({
    trackId: "t" as TrackId,
    kind: "video",
    origin: "local",
    transport: fixture.openTransport(1),
    mid: "0",
    codecs: [vp8(96, 97)],
    extensions: PUBLISHER_EXTENSIONS,
    encodings: [{ rid: "", ssrc: SSRC, rtxSsrc: 0 }],
  });
  for (const handle of [QUICK, SLOW]) {
    const consumer = fixture.engine.addConsumer(producer, {
      transport: fixture.openTransport(handle),
      codecs: [vp8(120, 121)],
      extensions: VIEWER_EXTENSIONS,
      mid: "v1",
      mode: "single",
      streams: [{ ssrc: handle, rtxSsrc: handle + 100 }],
    });
    // No packet is above it, but the engine cannot know.
    if (handle === SLOW) consumer.setPreferredLayers({ maxTemporalId: HIGHEST_TEMPORAL_ID }, fixture.nowUs as never);
  }
  return fixture;
}

interface Step {
  readonly fate: "sent" | "lost" | "late";
  readonly payload: "picture" | "no picture id" | "empty";
  readonly temporalId: number;
  readonly extension: boolean;
}

function packetOf(step: Step, index: number): Uint8Array {
  const draft = {
    pictureId: (0x7ff0 + index) & 0x7fff,
    tl0PictureIndex: (250 + index) & 0xff,
    temporalId: step.temporalId,
    startOfFrame: true,
    keyframe: index === 0,
  };
  let payload = buildVp8(draft);
  if (step.payload === "no picture id")
    payload = Uint8Array.of(0x10, draft.keyframe ? 0 : 1, 0, 0, 0x9d, 1, 0x2a, 0, 0, 0, 0);
  if (step.payload === "empty" && index > 0) payload = new Uint8Array(0);
  return buildRtp({
    payloadType: 96,
    sequenceNumber: 65_500 + index,
    timestamp: index * 3000 - 6000,
    ssrc: SSRC,
    marker: index % 3 === 0,
    extensions: step.extension ? { 13: Uint8Array.of(index & 0xff) } : {},
    payload,
  });
}

/** A packet with its numbers counted from those of the viewer's first one; the transport-wide number as it is. */
function relativeTo(first: GatheredPacket, packet: GatheredPacket): object {
  const [a, b] = [viewOf(first), viewOf(packet)];
  const number = (sent: GatheredPacket, view: RtpPacketView): number => sent.index * 0x1_0000 + view.sequenceNumber;
  const extensions = Object.values(VIEWER_EXTENSIONS).map((id) => {
    const offset = id > 0 ? b.findExtension(id) : -1;
    return offset < 0 ? [] : [...packet.bytes.subarray(offset, offset + b.extensionBytes)];
  });
  const vp8Payload = new Vp8Payload();
  vp8Payload.set(packet.bytes, b.payloadOffset, b.payloadBytes);
  return {
    number: number(packet, b) - number(first, a),
    timestamp: (b.timestamp - a.timestamp) | 0,
    marker: b.marker,
    payloadType: b.payloadType,
    token: packet.token,
    headerBytes: packet.headerBytes,
    extensions,
    pictureId: vp8Payload.pictureId,
    payload: [...packet.bytes.subarray(b.payloadOffset)],
  };
}

function viewOf(packet: GatheredPacket): RtpPacketView {
  const view = new RtpPacketView();
  expect(view.set(packet.bytes, 0, packet.bytes.length)).toBe(true);
  return view;
}

describe("PacketForwarder", () => {
  test("the short way writes what the long way writes, whatever comes and in whatever order", () => {
    const step = fc.record({
      fate: fc.constantFrom("sent", "sent", "sent", "sent", "lost", "late"),
      payload: fc.constantFrom("picture", "picture", "picture", "no picture id", "empty"),
      temporalId: fc.nat(HIGHEST_TEMPORAL_ID),
      extension: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 100 }), (steps) => {
        const fixture = setUp();
        let late: Uint8Array[] = [];
        for (const [index, each] of steps.entries()) {
          const packet = packetOf(each, index);
          if (index > 0 && each.fate === "lost") continue;
          if (index > 0 && each.fate === "late") {
            late.push(packet);
            continue;
          }
          fixture.receive(1 as never, packet, ...late);
          late = [];
        }
        const sent = fixture.takeRtp();
        const [quick, slow] = [QUICK, SLOW].map((handle) => sent.filter((packet) => packet.transport === handle));
        expect(quick.map((packet) => relativeTo(quick[0], packet))).toEqual(
          slow.map((packet) => relativeTo(slow[0], packet)),
        );
        expect(quick.every((packet) => viewOf(packet).ssrc === QUICK)).toBe(true);
      }),
    );
  });
});
