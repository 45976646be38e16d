import { FirReader, writeFir } from "@cation/rtp/rtcp-fir";
import { PliReader, writePli } from "@cation/rtp/rtcp-pli";
import { RtpPacketView } from "@cation/rtp/rtp-packet-view";
import { Vp8Payload } from "@cation/rtp/payload/vp8";
import type { Ssrc } from "@cation/rtp/units";
import { describe, expect, test } from "vitest";
import { CompletionBatch } from "./completion-batch.ts";
import type { Consumer } from "./consumer.ts";
import type { TrackId } from "./ids.ts";
import type { Producer } from "./producer.ts";
import { EngineFixture } from "./testing/engine-fixture.ts";
import { buildRtp, buildVp8 } from "./testing/rtp-builder.ts";
import { opus, PUBLISHER_EXTENSIONS, VIEWER_EXTENSIONS, vp8 } from "./testing/codecs.ts";

const VIDEO_SSRC = 0xf000_0001;
const AUDIO_SSRC = 0x0000_1111;

function addVideo(fixture: EngineFixture, handle = 1, ssrc = VIDEO_SSRC): Producer {
  const transport = fixture.openTransport(handle);
  return fixture.engine.addProducer({
    trackId: "track" as TrackId,
    kind: "video",
    origin: "local",
    transport,
    mid: "0",
    codecs: [vp8(96, 97)],
    extensions: PUBLISHER_EXTENSIONS,
    encodings: [{ rid: "", ssrc, rtxSsrc: 0 }],
  });
}

function addViewer(fixture: EngineFixture, producer: Producer, handle: number, ssrc: number): Consumer {
  return fixture.engine.addConsumer(producer, {
    transport: fixture.openTransport(handle),
    codecs: producer.params.kind === "video" ? [vp8(120, 121)] : [opus(63)],
    extensions: VIEWER_EXTENSIONS,
    mid: "v1",
    mode: "single",
    streams: [{ ssrc, rtxSsrc: 0 }],
  });
}

function videoPacket(sequenceNumber: number, keyframe: boolean, timestamp = sequenceNumber * 3000): Uint8Array {
  return buildRtp({
    payloadType: 96,
    sequenceNumber,
    timestamp,
    ssrc: VIDEO_SSRC,
    marker: true,
    extensions: { 4: Uint8Array.of(0x30), 13: Uint8Array.of(1), 2: Uint8Array.of(9, 9, 9) },
    payload: buildVp8({
      pictureId: sequenceNumber & 0x7fff,
      tl0PictureIndex: sequenceNumber & 0xff,
      temporalId: 0,
      startOfFrame: true,
      keyframe,
    }),
  });
}

function parse(bytes: Uint8Array): RtpPacketView {
  const view = new RtpPacketView();
  expect(view.set(bytes, 0, bytes.length)).toBe(true);
  return view;
}

describe("Engine", () => {
  test("forwards audio with the receiver's ssrc, payload type and extension ids", () => {
    const fixture = new EngineFixture();
    const producer = fixture.engine.addProducer({
      trackId: "a" as TrackId,
      kind: "audio",
      origin: "local",
      transport: fixture.openTransport(1),
      mid: "1",
      codecs: [opus(111)],
      extensions: PUBLISHER_EXTENSIONS,
      encodings: [{ rid: "", ssrc: AUDIO_SSRC, rtxSsrc: 0 }],
    });
    addViewer(fixture, producer, 2, 0xcafe);
    for (const sequenceNumber of [65_535, 0]) {
      const payload = Uint8Array.of(1, 2, 3, 4);
      const extensions = { 1: Uint8Array.of(0x85) };
      const timestamp = 960 * (sequenceNumber === 0 ? 1 : 0);
      const draft = { payloadType: 111, sequenceNumber, timestamp, ssrc: AUDIO_SSRC, extensions, payload };
      fixture.receive(producer.transport.handle, buildRtp(draft));
    }
    const views = fixture.takeRtp().map((packet) => parse(packet.bytes));
    expect(views).toHaveLength(2);
    for (const view of views) {
      expect(view.ssrc).toBe(0xcafe);
      expect(view.payloadType).toBe(63);
      const level = view.findExtension(VIEWER_EXTENSIONS.audioLevel);
      expect(view.bytes[level]).toBe(0x85);
      const mid = view.findExtension(VIEWER_EXTENSIONS.mid);
      expect(String.fromCharCode(...view.bytes.subarray(mid, mid + view.extensionBytes))).toBe("v1");
      expect(view.findExtension(VIEWER_EXTENSIONS.transportCc)).toBeGreaterThan(0);
      expect([...view.bytes.subarray(view.payloadOffset)]).toEqual([1, 2, 3, 4]);
    }
    expect((views[1].sequenceNumber - views[0].sequenceNumber) & 0xffff).toBe(1);
    expect((views[1].timestamp - views[0].timestamp) >>> 0).toBe(960);
    expect(fixture.started).toEqual([{ producer, encoding: 0 }]);
  });

  test("starts video at a keyframe, asks for it once, and again until it comes", () => {
    const fixture = new EngineFixture();
    const producer = addVideo(fixture);
    for (let i = 0; i < 50; i++) addViewer(fixture, producer, 10 + i, 1000 + i);
    fixture.receive(producer.transport.handle, videoPacket(10, false));
    const requests = fixture.take();
    expect(requests.filter((packet) => packet.rtcp && packet.transport === 1)).toHaveLength(1);
    const pli = new PliReader();
    expect(pli.set(requests[0].bytes, 0, requests[0].bytes.length)).toBe(true);
    expect(pli.mediaSsrc).toBe(VIDEO_SSRC);

    fixture.advance(600_000);
    expect(fixture.takeRtcp().filter((packet) => packet.transport === 1 && packet.bytes[1] === 206)).toHaveLength(1);
    fixture.receive(producer.transport.handle, videoPacket(11, true), videoPacket(12, false));
    const sent = fixture.takeRtp();
    expect(sent).toHaveLength(100);
    const own = sent.filter((packet) => packet.transport === 10).map((packet) => parse(packet.bytes));
    expect((own[1].sequenceNumber - own[0].sequenceNumber) & 0xffff).toBe(1);
    const vp8Payload = new Vp8Payload();
    vp8Payload.set(own[0].bytes, own[0].payloadOffset, own[0].payloadBytes);
    expect(vp8Payload.keyframe).toBe(true);
    expect(vp8Payload.pictureId).toBe(11);
    fixture.advance(2_000_000);
    expect(fixture.takeRtcp().filter((packet) => packet.transport === 1 && packet.bytes[1] === 206)).toHaveLength(0);
  });

  test("a viewer's PLI goes to the publisher, merged with others' in the window", () => {
    const fixture = new EngineFixture();
    const producer = addVideo(fixture);
    for (let i = 0; i < 20; i++) addViewer(fixture, producer, 10 + i, 1000 + i);
    fixture.receive(producer.transport.handle, videoPacket(1, true));
    fixture.advance(1_000_000);
    fixture.take();
    for (let i = 0; i < 20; i++) {
      const pli = new Uint8Array(12);
      writePli(pli, 0, 1 as Ssrc, (1000 + i) as Ssrc);
      fixture.receive((10 + i) as never, pli);
    }
    expect(fixture.takeRtcp().filter((packet) => packet.bytes[1] === 206)).toHaveLength(1);
  });

  test("uses FIR where PLI was not negotiated", () => {
    const fixture = new EngineFixture();
    const codec = vp8(96, 0);
    const producer = fixture.engine.addProducer({
      trackId: "fir" as TrackId,
      kind: "video",
      origin: "local",
      transport: fixture.openTransport(1),
      mid: "0",
      codecs: [{ ...codec, feedback: { ...codec.feedback, pli: false } }],
      extensions: PUBLISHER_EXTENSIONS,
      encodings: [{ rid: "", ssrc: VIDEO_SSRC, rtxSsrc: 0 }],
    });
    addViewer(fixture, producer, 2, 5);
    const [request] = fixture.takeRtcp();
    const fir = new FirReader();
    expect(fir.set(request.bytes, 0, request.bytes.length)).toBe(true);
    expect(fir.next() && fir.ssrc).toBe(VIDEO_SSRC);
  });

  test("counts what it does not take, and goes on", () => {
    const fixture = new EngineFixture();
    const producer = addVideo(fixture);
    const transport = producer.transport.handle;
    const stranger = buildRtp({
      payloadType: 50,
      sequenceNumber: 1,
      timestamp: 1,
      ssrc: 77,
      payload: new Uint8Array(9),
    });
    const wrongType = buildRtp({
      payloadType: 50,
      sequenceNumber: 1,
      timestamp: 1,
      ssrc: VIDEO_SSRC,
      payload: new Uint8Array(9),
    });
    fixture.receive(transport, new Uint8Array(3), stranger, wrongType, videoPacket(1, true), videoPacket(1, true));
    fixture.receive(99 as never, videoPacket(2, true));
    fixture.receive(transport, Uint8Array.of(0x80, 200, 0, 50, 1, 2, 3, 4));
    expect(fixture.engine.stats().drops).toEqual({
      "rtp-malformed": 1,
      "unknown-ssrc": 1,
      "unknown-payload-type": 1,
      duplicate: 1,
      "unknown-transport": 1,
      "rtcp-malformed": 1,
    });
  });

  test("closing a producer closes its consumers with BYE and tells", () => {
    const fixture = new EngineFixture();
    const producer = addVideo(fixture);
    const consumer = addViewer(fixture, producer, 2, 5);
    fixture.receive(producer.transport.handle, videoPacket(1, true));
    fixture.take();
    fixture.engine.closeProducer(producer);
    fixture.engine.closeProducer(producer);
    expect(fixture.closedConsumers).toEqual([consumer]);
    const bye = fixture.takeRtcp();
    expect(bye).toHaveLength(1);
    expect(bye[0].transport).toBe(2);
    const { transports, producers, consumers } = fixture.engine.stats();
    expect({ transports, producers, consumers }).toEqual({ transports: 2, producers: 0, consumers: 0 });
    fixture.engine.closeTransport(2 as never);
    fixture.engine.closeTransport(2 as never);
    expect(fixture.engine.stats().transports).toBe(1);
  });

  test("a paused consumer sends nothing, and goes on at a keyframe without a gap", () => {
    const fixture = new EngineFixture();
    const producer = addVideo(fixture);
    const consumer = addViewer(fixture, producer, 2, 5);
    const transport = producer.transport.handle;
    fixture.receive(transport, videoPacket(1, true));
    const [first] = fixture.takeRtp();
    consumer.setPaused(true, fixture.nowUs as never);
    fixture.receive(transport, videoPacket(2, false));
    expect(fixture.takeRtp()).toHaveLength(0);
    fixture.advance(1_000_000);
    fixture.take();
    consumer.setPaused(false, fixture.nowUs as never);
    expect(fixture.takeRtcp().filter((packet) => packet.transport === 1)).toHaveLength(1);
    fixture.receive(transport, videoPacket(30, false), videoPacket(31, true));
    const [second, ...others] = fixture.takeRtp();
    expect(others).toHaveLength(0);
    expect((parse(second.bytes).sequenceNumber - parse(first.bytes).sequenceNumber) & 0xffff).toBe(1);
    expect((parse(second.bytes).timestamp - parse(first.bytes).timestamp) >>> 0).toBe(90_000);
  });

  test("FIR of a viewer asks for a keyframe too; feedback about strangers is counted", () => {
    const fixture = new EngineFixture();
    const producer = addVideo(fixture);
    addViewer(fixture, producer, 2, 5);
    fixture.receive(producer.transport.handle, videoPacket(1, true));
    fixture.advance(1_000_000);
    fixture.take();
    const fir = new Uint8Array(20);
    writeFir(fir, 0, 1 as Ssrc, 5 as Ssrc, 1);
    fixture.receive(2 as never, fir);
    expect(fixture.takeRtcp().filter((packet) => packet.transport === 1)).toHaveLength(1);
    writeFir(fir, 0, 1 as Ssrc, 6 as Ssrc, 2);
    fixture.receive(2 as never, fir);
    expect(fixture.engine.stats().drops).toEqual({ "rtcp-unknown-ssrc": 1 });
  });

  test("an ssrc that is used again goes on where it ended: no index twice under one key", () => {
    const fixture = new EngineFixture();
    const producer = addVideo(fixture);
    const first = addViewer(fixture, producer, 2, 5);
    for (let i = 0; i < 5; i++) fixture.receive(producer.transport.handle, videoPacket(i, i === 0));
    const before = fixture.takeRtp().map((packet) => parse(packet.bytes).sequenceNumber);
    fixture.engine.closeConsumer(first);
    fixture.engine.addConsumer(producer, first.params);
    fixture.receive(producer.transport.handle, videoPacket(5, true));
    const [after] = fixture.takeRtp();
    expect(parse(after.bytes).sequenceNumber).toBe((before[4] + 1) & 0xffff);
    expect(() => fixture.engine.addConsumer(producer, first.params)).toThrow("sends ssrc 5");
  });

  test("what cannot be is refused where it is asked for", () => {
    const fixture = new EngineFixture();
    const producer = addVideo(fixture);
    const viewer = addViewer(fixture, producer, 2, 5);
    expect(() => fixture.engine.addConsumer(producer, { ...viewer.params, transport: 99 as never })).toThrow("99");
    expect(() => fixture.engine.addConsumer(producer, { ...viewer.params, streams: [] })).toThrow("1 streams");
    expect(() => fixture.engine.addProducer({ ...producer.params, transport: 99 as never })).toThrow("99");
    expect(() => fixture.engine.updateProducer(producer, { ...producer.params, encodings: [] })).toThrow("1 encodings");
    fixture.engine.closeProducer(producer);
    expect(() => fixture.engine.addConsumer(producer, viewer.params)).toThrow("closed");
    expect(fixture.engine.stats().consumers).toBe(0);
  });

  test("completions count what the backend could not send", () => {
    const fixture = new EngineFixture();
    fixture.openTransport(1);
    const batch = new CompletionBatch(8);
    for (const [i, outcome] of [0, 1, 2, 3, 4, 0].entries()) {
      batch.u32[i * 6] = i === 5 ? 7 : 1;
      batch.u8[i * 24 + 8] = outcome;
      batch.u32[i * 6 + 3] = 100;
      batch.count++;
    }
    fixture.engine.onCompletions(batch);
    const { sentPackets, sentBytes, drops } = fixture.engine.stats();
    expect({ sentPackets, sentBytes }).toEqual({ sentPackets: 1, sentBytes: 100 });
    expect(drops).toEqual({
      "send-queue-full": 1,
      "send-slot-overwritten": 1,
      "send-no-transport": 1,
      "send-socket-error": 1,
    });
  });
});
