import { writeNack } from "@cation/rtp/rtcp-nack";
import { RtpPacketView } from "@cation/rtp/rtp-packet-view";
import type { Ssrc } from "@cation/rtp/units";
import { describe, expect, test } from "vitest";
import type { Consumer } from "./consumer.ts";
import type { GatheredPacket } from "./gathering-sink.ts";
import type { TrackId } from "./ids.ts";
import { PUBLISHER_EXTENSIONS, VIEWER_EXTENSIONS, vp8 } from "./testing/codecs.ts";
import { EngineFixture } from "./testing/engine-fixture.ts";
import { buildRtp, buildVp8 } from "./testing/rtp-builder.ts";

const PUBLISHER = 1 as never;
const VIEWER = 2 as never;
const SSRC = 0xdddd_0001;
const RTX_SSRC = 0xdddd_0002;
/** Packets are handed over in no time here: nothing shall wait for its turn. */
const WIDE = { startBps: 10_000_000_000, minBps: 30_000, maxBps: 10_000_000_000 };

function setUp(rtx: boolean, slotCount = 1024): { fixture: EngineFixture; consumer: Consumer } {
  const fixture = new EngineFixture({ bandwidth: WIDE }, slotCount);
  fixture.openTransport(1);
  fixture.openTransport(2);
  const producer = fixture.engine.addProducer({
    trackId: "t" as TrackId,
    kind: "video",
    origin: "local",
    transport: PUBLISHER,
    mid: "0",
    codecs: [vp8(96, 97)],
    extensions: PUBLISHER_EXTENSIONS,
    encodings: [{ rid: "", ssrc: 77, rtxSsrc: 78 }],
  });
  const consumer = fixture.engine.addConsumer(producer, {
    transport: VIEWER,
    codecs: [vp8(120, rtx ? 121 : 0)],
    extensions: VIEWER_EXTENSIONS,
    mid: "0",
    mode: "single",
    streams: [{ ssrc: SSRC, rtxSsrc: rtx ? RTX_SSRC : 0 }],
  });
  return { fixture, consumer };
}

function video(sequenceNumber: number): Uint8Array {
  const keyframe = sequenceNumber % 100 === 0;
  const draft = { pictureId: sequenceNumber, tl0PictureIndex: 1, temporalId: 0, startOfFrame: true, keyframe };
  return buildRtp({
    payloadType: 96,
    sequenceNumber,
    timestamp: sequenceNumber * 3000,
    ssrc: 77,
    marker: true,
    extensions: { 13: Uint8Array.of(2) },
    payload: buildVp8({ ...draft, bytes: 60 }),
  });
}

/** The same by RTX of the publisher. */
function repeated(sequenceNumber: number): Uint8Array {
  const bytes = video(sequenceNumber);
  const view = parse(bytes);
  const payload = Uint8Array.of(sequenceNumber >> 8, sequenceNumber & 0xff, ...bytes.subarray(view.payloadOffset));
  const { timestamp, marker } = view;
  return buildRtp({
    payloadType: 97,
    sequenceNumber: 5000,
    timestamp,
    ssrc: 78,
    marker,
    extensions: { 13: Uint8Array.of(2) },
    payload,
  });
}

function nack(...numbers: number[]): Uint8Array {
  const bytes = new Uint8Array(200);
  const end = writeNack(bytes, 0, 1 as Ssrc, SSRC as Ssrc, numbers, 0, numbers.length);
  return bytes.slice(0, end);
}

function parse(bytes: Uint8Array): RtpPacketView {
  const view = new RtpPacketView();
  expect(view.set(bytes, 0, bytes.length)).toBe(true);
  return view;
}

function payloadOf(packet: GatheredPacket): number[] {
  const view = parse(packet.bytes);
  return [...packet.bytes.subarray(view.payloadOffset)];
}

describe("retransmission to receivers", () => {
  test("by RTX: own ssrc, payload type and numbers, original number in front of the same payload", () => {
    const { fixture, consumer } = setUp(true);
    fixture.receive(PUBLISHER, ...[100, 101, 102].map(video));
    const sent = fixture.takeRtp();
    const numbers = sent.map((packet) => parse(packet.bytes).sequenceNumber);
    fixture.receive(VIEWER, nack(numbers[0], numbers[2]));
    const resent = fixture.takeRtp();
    expect(resent).toHaveLength(2);
    for (const [i, original] of [sent[0], sent[2]].entries()) {
      const view = parse(resent[i].bytes);
      const before = parse(original.bytes);
      expect(view.ssrc).toBe(RTX_SSRC);
      expect(view.payloadType).toBe(121);
      expect(view.timestamp).toBe(before.timestamp);
      expect(view.marker).toBe(before.marker);
      expect(payloadOf(resent[i])).toEqual([
        before.sequenceNumber >> 8,
        before.sequenceNumber & 0xff,
        ...payloadOf(original),
      ]);
    }
    const [a, b] = resent.map((packet) => parse(packet.bytes).sequenceNumber);
    expect((b - a) & 0xffff).toBe(1);
    expect(consumer.stats()[0].resentPackets).toBe(2);
  });

  test("without RTX: byte for byte the same, with the same index", () => {
    const { fixture } = setUp(false);
    fixture.receive(PUBLISHER, ...[100, 101, 102].map(video));
    const sent = fixture.takeRtp();
    fixture.nowUs += 50_000;
    fixture.receive(VIEWER, nack(parse(sent[1].bytes).sequenceNumber));
    const [resent] = fixture.takeRtp();
    expect([...resent.bytes]).toEqual([...sent[1].bytes]);
    expect(resent.index).toBe(sent[1].index);
  });

  test("a packet that itself came by RTX can be sent again", () => {
    const { fixture } = setUp(true);
    fixture.receive(PUBLISHER, video(100), video(102), repeated(101));
    const sent = fixture.takeRtp();
    expect(
      sent.map((packet) => (parse(packet.bytes).sequenceNumber - parse(sent[0].bytes).sequenceNumber) & 0xffff),
    ).toEqual([0, 2, 1]);
    expect(payloadOf(sent[2]).slice(6)).toEqual([...buildVp8OfNumber(101)].slice(6));
    fixture.receive(VIEWER, nack(parse(sent[2].bytes).sequenceNumber));
    const [resent] = fixture.takeRtp();
    expect(payloadOf(resent).slice(2)).toEqual(payloadOf(sent[2]));
  });

  test("not more than once a round trip, nor more often than the limit", () => {
    const { fixture } = setUp(true);
    fixture.receive(PUBLISHER, video(100));
    const [first] = fixture.takeRtp();
    const { sequenceNumber } = parse(first.bytes);
    for (let i = 0; i < 10; i++) fixture.receive(VIEWER, nack(sequenceNumber));
    expect(fixture.takeRtp()).toHaveLength(1);
    for (let i = 0; i < 30; i++) {
      fixture.nowUs += 150_000;
      fixture.receive(VIEWER, nack(sequenceNumber));
    }
    expect(fixture.takeRtp()).toHaveLength(7);
    expect(fixture.engine.stats().drops["nack-repeated"]).toBe(9 + 23);
  });

  test("no more packets in a round trip than the limit", () => {
    const { fixture } = setUp(true);
    for (let i = 100; i < 500; i++) fixture.receive(PUBLISHER, video(i));
    const numbers = fixture.takeRtp().map((packet) => parse(packet.bytes).sequenceNumber);
    for (let i = 0; i < 400; i += 50) fixture.receive(VIEWER, nack(...numbers.slice(i, i + 50)));
    expect(fixture.takeRtp()).toHaveLength(256);
    expect(fixture.engine.stats().drops).toEqual({ "nack-limit": 144 });
  });

  test("what is not there is counted: never sent, forgotten, overwritten", () => {
    const { fixture } = setUp(true, 64);
    fixture.receive(PUBLISHER, video(100));
    const [first] = fixture.takeRtp();
    const { sequenceNumber } = parse(first.bytes);
    fixture.receive(VIEWER, nack(sequenceNumber - 1));
    for (let i = 101; i < 170; i++) fixture.receive(PUBLISHER, video(i));
    fixture.receive(VIEWER, nack(sequenceNumber));
    for (let i = 170; i < 900; i++) fixture.receive(PUBLISHER, video(i));
    fixture.receive(VIEWER, nack(sequenceNumber));
    expect(fixture.engine.stats().drops).toEqual({ "nack-miss": 2, "nack-slot-overwritten": 1 });
  });

  test("a NACK about a stream that is not sent here is counted", () => {
    const { fixture } = setUp(true);
    const bytes = new Uint8Array(16);
    writeNack(bytes, 0, 1 as Ssrc, RTX_SSRC as Ssrc, [1], 0, 1);
    fixture.receive(VIEWER, bytes);
    fixture.receive(PUBLISHER, nack(1));
    expect(fixture.engine.stats().drops).toEqual({ "rtcp-unknown-ssrc": 2 });
  });
});

function buildVp8OfNumber(sequenceNumber: number): Uint8Array {
  const bytes = video(sequenceNumber);
  return bytes.subarray(parse(bytes).payloadOffset);
}
