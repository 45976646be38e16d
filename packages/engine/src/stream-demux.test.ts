import { describe, expect, test } from "vitest";
import type { TrackId } from "./ids.ts";
import type { Producer } from "./producer.ts";
import { opus, PUBLISHER_EXTENSIONS, vp8 } from "./testing/codecs.ts";
import { EngineFixture } from "./testing/engine-fixture.ts";
import { buildRtp, buildVp8 } from "./testing/rtp-builder.ts";

const text = new TextEncoder();

interface Packet {
  readonly ssrc: number;
  readonly payloadType?: number;
  readonly sequenceNumber?: number;
  readonly mid?: string;
  readonly rid?: string;
  readonly repairedRid?: string;
}

function packet({ ssrc, payloadType = 96, sequenceNumber = 1, mid, rid, repairedRid }: Packet): Uint8Array {
  const extensions: Record<number, Uint8Array> = {};
  if (mid !== undefined) extensions[PUBLISHER_EXTENSIONS.mid] = text.encode(mid);
  if (rid !== undefined) extensions[PUBLISHER_EXTENSIONS.rid] = text.encode(rid);
  if (repairedRid !== undefined) extensions[PUBLISHER_EXTENSIONS.repairedRid] = text.encode(repairedRid);
  const video = buildVp8({ pictureId: 1, tl0PictureIndex: 1, temporalId: 0, startOfFrame: true, keyframe: true });
  // Odd payload types are RTX here, and repeat number 2.
  const payload = payloadType % 2 === 1 ? Uint8Array.of(0, 2, ...video) : video;
  return buildRtp({ payloadType, sequenceNumber, timestamp: 1, ssrc, extensions, payload });
}

function addVideo(fixture: EngineFixture, mid: string, rids: readonly string[], payloadType = 96): Producer {
  return fixture.engine.addProducer({
    trackId: `track ${mid}` as TrackId,
    kind: "video",
    origin: "local",
    transport: 1 as never,
    mid,
    codecs: [vp8(payloadType, payloadType + 1)],
    extensions: PUBLISHER_EXTENSIONS,
    encodings: rids.map((rid) => ({ rid, ssrc: 0, rtxSsrc: 0 })),
  });
}

function packetsOf(producer: Producer): number[] {
  return producer.streams.map((stream) => stream.packets);
}

describe("StreamDemux", () => {
  test("learns ssrcs from mid and rid, then takes packets without them", () => {
    const fixture = new EngineFixture();
    fixture.openTransport(1);
    const a = addVideo(fixture, "a", ["q", "h"]);
    const b = addVideo(fixture, "b", ["q", "h"]);
    fixture.receive(
      1 as never,
      packet({ ssrc: 10, mid: "a", rid: "h" }),
      packet({ ssrc: 20, mid: "b", rid: "q" }),
      packet({ ssrc: 10, sequenceNumber: 2 }),
      packet({ ssrc: 20, sequenceNumber: 2 }),
      packet({ ssrc: 20, sequenceNumber: 3 }),
    );
    expect(packetsOf(a)).toEqual([0, 2]);
    expect(packetsOf(b)).toEqual([3, 0]);
    expect(fixture.started.map(({ producer, encoding }) => [producer, encoding])).toEqual([
      [a, 1],
      [b, 0],
    ]);
  });

  test("RTX is learnt from the repaired rid and gives the original packet", () => {
    const fixture = new EngineFixture();
    fixture.openTransport(1);
    const producer = addVideo(fixture, "a", ["q", "h"]);
    fixture.receive(
      1 as never,
      packet({ ssrc: 10, mid: "a", rid: "h", sequenceNumber: 1 }),
      packet({ ssrc: 10, sequenceNumber: 3 }),
      packet({ ssrc: 11, payloadType: 97, mid: "a", repairedRid: "h", sequenceNumber: 900 }),
      packet({ ssrc: 11, payloadType: 97, sequenceNumber: 901 }),
    );
    expect(packetsOf(producer)).toEqual([0, 3]);
    const [, stats] = producer.stats(fixture.nowUs);
    expect(stats.recoveredPackets).toBe(1);
    expect(stats.lostPackets).toBe(1);
    expect(fixture.engine.stats().drops).toEqual({ duplicate: 1 });
  });

  test("a payload type that one m-line has is enough, one that two have is not", () => {
    const fixture = new EngineFixture();
    fixture.openTransport(1);
    const video = addVideo(fixture, "a", [""]);
    fixture.receive(1 as never, packet({ ssrc: 10 }));
    expect(packetsOf(video)).toEqual([1]);
    addVideo(fixture, "b", [""]);
    fixture.receive(1 as never, packet({ ssrc: 30 }));
    expect(fixture.engine.stats().drops).toEqual({ "unknown-ssrc": 1 });
    const other = addVideo(fixture, "c", [""], 102);
    fixture.receive(1 as never, packet({ ssrc: 40, payloadType: 102 }));
    expect(packetsOf(other)).toEqual([1]);
  });

  test("without a rid, several encodings leave doubt", () => {
    const fixture = new EngineFixture();
    fixture.openTransport(1);
    addVideo(fixture, "a", ["q", "h"]);
    fixture.receive(1 as never, packet({ ssrc: 10, mid: "a" }), packet({ ssrc: 11, mid: "a", rid: "x" }));
    fixture.receive(1 as never, packet({ ssrc: 12, mid: "nobody", rid: "q" }));
    expect(fixture.engine.stats().drops).toEqual({ "unknown-ssrc": 3 });
  });

  test("equal rids of two m-lines do not collide, nor do transports", () => {
    const fixture = new EngineFixture();
    fixture.openTransport(1);
    fixture.openTransport(2);
    const a = addVideo(fixture, "a", ["q", "h"]);
    fixture.receive(2 as never, packet({ ssrc: 10, mid: "a", rid: "q" }));
    expect(packetsOf(a)).toEqual([0, 0]);
    expect(fixture.engine.stats().drops).toEqual({ "unknown-ssrc": 1 });
  });

  test("a flood of ssrcs costs a bounded number of lessons, and no memory", () => {
    const fixture = new EngineFixture();
    fixture.openTransport(1);
    const producer = addVideo(fixture, "a", ["q"]);
    for (let i = 0; i < 5000; i++) fixture.receive(1 as never, packet({ ssrc: 1000 + i, mid: "a", rid: "q" }));
    expect(fixture.engine.stats().drops).toEqual({ "ssrc-limit": 5000 - 32 });
    expect(producer.transport.demux.routeCount).toBe(1);
    fixture.nowUs += 3_000_000;
    fixture.receive(1 as never, packet({ ssrc: 7, mid: "a", rid: "q" }));
    expect(producer.streams[0].ssrc).toBe(7);
  });

  test("what is known of a closed producer is forgotten", () => {
    const fixture = new EngineFixture();
    fixture.openTransport(1);
    const producer = addVideo(fixture, "a", ["q"]);
    fixture.receive(1 as never, packet({ ssrc: 10, mid: "a", rid: "q" }));
    fixture.engine.closeProducer(producer);
    expect(producer.transport.demux.routeCount).toBe(0);
    fixture.receive(1 as never, packet({ ssrc: 10, mid: "a", rid: "q" }));
    expect(fixture.engine.stats().drops).toEqual({ "unknown-ssrc": 1 });
  });

  test("renegotiation: other ssrcs, payload types and mids from one packet to the next", () => {
    const fixture = new EngineFixture();
    fixture.openTransport(1);
    const producer = addVideo(fixture, "a", [""]);
    fixture.receive(1 as never, packet({ ssrc: 10, mid: "a" }));
    const codecs = [vp8(98, 99), opus(111)];
    const encodings = [{ rid: "", ssrc: 55, rtxSsrc: 56 }];
    fixture.engine.updateProducer(producer, { ...producer.params, mid: "b", codecs, encodings });
    fixture.receive(
      1 as never,
      packet({ ssrc: 10, payloadType: 96, sequenceNumber: 2 }),
      packet({ ssrc: 55, payloadType: 98, sequenceNumber: 3 }),
      packet({ ssrc: 56, payloadType: 99, sequenceNumber: 9 }),
      packet({ ssrc: 55, payloadType: 96, sequenceNumber: 10 }),
    );
    expect(packetsOf(producer)).toEqual([3]);
    expect(fixture.engine.stats().drops).toEqual({ "unknown-ssrc": 1, "unknown-payload-type": 1 });
  });
});
