import { absSendTimeFromUs, readAbsSendTime } from "@cation/rtp/abs-send-time";
import { readU16 } from "@cation/rtp/byte-order";
import { writeNack } from "@cation/rtp/rtcp-nack";
import { NOT_RECEIVED, TransportFeedbackWriter } from "@cation/rtp/rtcp-transport-feedback-writer";
import { RtpPacketView } from "@cation/rtp/rtp-packet-view";
import { seqOf } from "@cation/rtp/sequence";
import type { Ssrc } from "@cation/rtp/units";
import { describe, expect, test } from "vitest";
import { COMPLETION_RECORD_BYTES, CompletionBatch } from "./completion-batch.ts";
import type { Consumer } from "./consumer.ts";
import type { GatheredPacket } from "./gathering-sink.ts";
import type { TrackId } from "./ids.ts";
import { opus, PUBLISHER_EXTENSIONS, VIEWER_EXTENSIONS, vp8 } from "./testing/codecs.ts";
import { EngineFixture } from "./testing/engine-fixture.ts";
import { buildRtp, buildVp8 } from "./testing/rtp-builder.ts";

const PUBLISHER = 1 as never;
const VIEWER = 2 as never;
const VIDEO_SSRC = 0xdddd_0001;
const RTX_SSRC = 0xdddd_0002;
const AUDIO_SSRC = 0xdddd_0003;
const RATE_BPS = 5_000_000;

class Setup {
  readonly fixture: EngineFixture;
  readonly video: Consumer;
  readonly #numbers: number[] = [];
  #sequence = 0;

  constructor(rtx: boolean, slotCount = 4096) {
    const fixture = new EngineFixture({}, slotCount);
    this.fixture = fixture;
    fixture.openTransport(1);
    fixture.openTransport(2);
    const base = { origin: "local" as const, transport: PUBLISHER, extensions: PUBLISHER_EXTENSIONS };
    const picture = fixture.engine.addProducer({
      ...base,
      trackId: "v" as TrackId,
      kind: "video",
      mid: "0",
      codecs: [vp8(96, 97)],
      encodings: [{ rid: "", ssrc: 77, rtxSsrc: 0 }],
    });
    const sound = fixture.engine.addProducer({
      ...base,
      trackId: "a" as TrackId,
      kind: "audio",
      mid: "1",
      codecs: [opus(111)],
      encodings: [{ rid: "", ssrc: 88, rtxSsrc: 0 }],
    });
    const to = { transport: VIEWER, extensions: VIEWER_EXTENSIONS, mode: "single" as const };
    this.video = fixture.engine.addConsumer(picture, {
      ...to,
      codecs: [vp8(120, rtx ? 121 : 0)],
      mid: "0",
      streams: [{ ssrc: VIDEO_SSRC, rtxSsrc: rtx ? RTX_SSRC : 0 }],
    });
    fixture.engine.addConsumer(sound, {
      ...to,
      codecs: [opus(63)],
      mid: "1",
      streams: [{ ssrc: AUDIO_SSRC, rtxSsrc: 0 }],
    });
  }

  /** A frame of so many packets, all at once; the first frame is a keyframe. */
  frame(packets: number): void {
    for (let i = 0; i < packets; i++) {
      const number = this.#sequence++;
      const draft = {
        pictureId: 9,
        tl0PictureIndex: 1,
        temporalId: 0,
        startOfFrame: number === 0,
        keyframe: number === 0,
      };
      const payload = buildVp8({ ...draft, bytes: 1_100 });
      this.fixture.receive(
        PUBLISHER,
        buildRtp({ payloadType: 96, sequenceNumber: number, timestamp: 3000, ssrc: 77, payload }),
      );
    }
  }

  audio(sequenceNumber: number): void {
    const payload = Uint8Array.of(1, 2, 3);
    this.fixture.receive(
      PUBLISHER,
      buildRtp({ payloadType: 111, sequenceNumber, timestamp: sequenceNumber * 960, ssrc: 88, payload }),
    );
  }

  /** What went out, completed: with the time of leaving. */
  take(): GatheredPacket[] {
    const packets = this.fixture.take();
    const batch = new CompletionBatch(Math.max(1, packets.length));
    for (const packet of packets) {
      const start = batch.count++ * COMPLETION_RECORD_BYTES;
      batch.u32[start / 4] = packet.transport;
      batch.u32[start / 4 + 1] = packet.token;
      batch.u32[start / 4 + 3] = packet.bytes.length;
      batch.f64[start / 8 + 2] = this.fixture.nowUs;
    }
    this.fixture.engine.onCompletions(batch);
    return packets.filter(({ rtcp }) => !rtcp);
  }

  /** The viewer acknowledges everything up to a number, 10 ms after it was sent. */
  acknowledge(lastNumber: number, sentUs: readonly number[]): void {
    const arrivals = Float64Array.from(sentUs, (us) => (us < 0 ? NOT_RECEIVED : us + 10_000));
    const bytes = new Uint8Array(1_200);
    const first = seqOf(lastNumber - sentUs.length + 1);
    const end = new TransportFeedbackWriter().write(
      bytes,
      0,
      1_200,
      1 as Ssrc,
      VIDEO_SSRC as Ssrc,
      first,
      arrivals,
      0,
      sentUs.length,
      this.#numbers.push(0) & 0xff,
    );
    this.fixture.receive(VIEWER, bytes.slice(0, end));
  }
}

function parse(packet: GatheredPacket): RtpPacketView {
  const view = new RtpPacketView();
  expect(view.set(packet.bytes, 0, packet.bytes.length)).toBe(true);
  return view;
}

function transportNumber(packet: GatheredPacket): number {
  const view = parse(packet);
  return readU16(view.bytes, view.findExtension(VIEWER_EXTENSIONS.transportCc));
}

describe("pacing", () => {
  test("a burst is spread; numbers and times are those of leaving, in its order; audio goes past it", () => {
    const setup = new Setup(true);
    const { fixture } = setup;
    setup.frame(60);
    const atOnce = setup.take();
    expect(atOnce.length).toBeGreaterThan(3);
    expect(atOnce.length).toBeLessThan(20);
    setup.audio(1);
    const [sound, ...others] = setup.take();
    expect(parse(sound).ssrc).toBe(AUDIO_SSRC);
    expect(others).toHaveLength(0);

    const packets = [...atOnce, sound];
    const startUs = fixture.nowUs;
    let lastUs = 0;
    while (packets.length < 61 && fixture.nowUs < startUs + 1_000_000) {
      fixture.advance(1_000);
      for (const packet of setup.take()) {
        packets.push(packet);
        lastUs = fixture.nowUs;
        const view = parse(packet);
        const stamp = readAbsSendTime(view.bytes, view.findExtension(VIEWER_EXTENSIONS.absSendTime));
        expect(Math.abs(stamp - absSendTimeFromUs(fixture.nowUs))).toBeLessThanOrEqual(270);
      }
    }
    // What is above the burst leaves at the rate.
    const expectedUs = ((60 - atOnce.length) * 1_180 * 8_000_000) / RATE_BPS;
    expect(lastUs - startUs).toBeGreaterThan(0.7 * expectedUs);
    expect(lastUs - startUs).toBeLessThan(1.3 * expectedUs);
    expect(packets.map(transportNumber)).toEqual(packets.map((_, i) => seqOf(transportNumber(packets[0]) + i)));
    const video = packets.map(parse).filter(({ ssrc }) => ssrc === VIDEO_SSRC);
    expect(video.map(({ sequenceNumber }) => sequenceNumber)).toEqual(
      video.map((_, i) => seqOf(video[0].sequenceNumber + i)),
    );
    expect(fixture.engine.bandwidthState(VIEWER)?.inFlightBytes).toBeGreaterThan(50_000);
  });

  test("a packet whose slot was written again while it waited is dropped and counted", () => {
    const setup = new Setup(true, 64);
    setup.frame(60);
    const atOnce = setup.take().length;
    for (let i = 0; i < 64; i++) setup.fixture.store.put(Uint8Array.of(0));
    setup.fixture.advance(200_000);
    const dropped = setup.fixture.engine.stats().drops["pacer-slot-overwritten"] ?? 0;
    expect(dropped).toBe(60 - atOnce);
    expect(setup.take().filter((packet) => parse(packet).ssrc === VIDEO_SSRC)).toHaveLength(0);
  });

  test("without RTX a repetition is the same, byte by byte, also of a packet that had to wait", () => {
    const setup = new Setup(false);
    const { fixture } = setup;
    setup.frame(40);
    const packets = setup.take();
    const waiting = seqOf(parse(packets[0]).sequenceNumber + 39);
    const ask = (sequenceNumber: number): GatheredPacket[] => {
      const bytes = new Uint8Array(100);
      const end = writeNack(bytes, 0, 1 as Ssrc, VIDEO_SSRC as Ssrc, Uint16Array.of(sequenceNumber), 0, 1);
      fixture.receive(VIEWER, bytes.slice(0, end));
      fixture.advance(20_000);
      return setup.take();
    };
    // One that asks for what it cannot know of gets no other bytes under the same index.
    const tooEarly = ask(waiting).filter((packet) => parse(packet).sequenceNumber === waiting);
    expect(tooEarly).toHaveLength(0);
    expect(fixture.engine.stats().drops["nack-miss"]).toBe(1);
    fixture.advance(500_000);
    packets.push(...setup.take());
    const sent = packets.filter((packet) => parse(packet).sequenceNumber === waiting);
    expect(sent).toHaveLength(1);
    const [again] = ask(waiting);
    expect(again.bytes).toEqual(sent[0].bytes);
    expect(again.index).toBe(sent[0].index);
  });

  test("once the client reports, the path is probed over RTX, and what it carries is told", () => {
    const setup = new Setup(true);
    const { fixture } = setup;
    const sentUs: number[] = [];
    let first = -1;
    let rtx = 0;
    for (let ms = 0; ms < 2_000; ms++) {
      if (ms % 33 === 0) setup.frame(5);
      fixture.advance(1_000);
      for (const packet of setup.take()) {
        const number = transportNumber(packet);
        if (first < 0) first = number;
        sentUs[(number - first) & 0xffff] = fixture.nowUs;
        if (parse(packet).ssrc === RTX_SSRC) rtx++;
      }
      if (ms % 50 === 49 && sentUs.length > 0) {
        const count = Math.min(300, sentUs.length);
        setup.acknowledge(first + sentUs.length - 1, sentUs.slice(-count));
      }
    }
    expect(rtx).toBeGreaterThan(2);
    expect(setup.video.streams[0].paddingPackets).toBe(rtx);
    const state = fixture.engine.bandwidthState(VIEWER);
    expect(state?.probes).toBeGreaterThanOrEqual(1);
    expect(state?.estimateBps).toBeGreaterThan(800_000);
    expect(state?.feedback.unknown).toBe(0);
  });
});
