import { absSendTimeFromUs } from "@cation/rtp/abs-send-time";
import { RembReader } from "@cation/rtp/rtcp-remb";
import { RtcpReader } from "@cation/rtp/rtcp-reader";
import { TransportFeedbackReader } from "@cation/rtp/rtcp-transport-feedback";
import { expect, test } from "vitest";
import type { CodecParameters } from "../codec-parameters.ts";
import type { TrackId } from "../ids.ts";
import type { Producer } from "../producer.ts";
import { NO_HEADER_EXTENSIONS } from "../header-extensions.ts";
import type { HeaderExtensionIds } from "../header-extensions.ts";
import { PUBLISHER_EXTENSIONS, vp8 } from "../testing/codecs.ts";
import { EngineFixture } from "../testing/engine-fixture.ts";
import { buildRtp, buildVp8 } from "../testing/rtp-builder.ts";

const SSRC = 0xf000_0001;

function publish(
  fixture: EngineFixture,
  feedback: Partial<CodecParameters["feedback"]>,
  origin: "local" | "relay",
): Producer {
  const codec = vp8(96, 97);
  return fixture.engine.addProducer({
    trackId: "track" as TrackId,
    kind: "video",
    origin,
    transport: fixture.openTransport(1),
    mid: "0",
    codecs: [{ ...codec, feedback: { ...codec.feedback, ...feedback } }],
    extensions: PUBLISHER_EXTENSIONS,
    encodings: [{ rid: "", ssrc: SSRC, rtxSsrc: 0 }],
  });
}

/** Sends one packet, whose numbers are `number`; `sentUs` is on the sender's clock. */
function send(
  fixture: EngineFixture,
  producer: Producer,
  number: number,
  sentUs: number,
  extensions: HeaderExtensionIds = PUBLISHER_EXTENSIONS,
): void {
  const stamp = absSendTimeFromUs(sentUs);
  const elements: Record<number, Uint8Array> = {};
  if (extensions.absSendTime !== 0) {
    elements[extensions.absSendTime] = Uint8Array.of(stamp >> 16, (stamp >> 8) & 0xff, stamp & 0xff);
  }
  if (extensions.transportCc !== 0)
    elements[extensions.transportCc] = Uint8Array.of((number >> 8) & 0xff, number & 0xff);
  const packet = buildRtp({
    payloadType: 96,
    sequenceNumber: number & 0xffff,
    timestamp: (sentUs * 9) / 100,
    ssrc: SSRC,
    extensions: elements,
    payload: buildVp8({
      pictureId: number & 0x7fff,
      tl0PictureIndex: number & 0xff,
      temporalId: 0,
      startOfFrame: true,
      keyframe: number === 0,
      bytes: 1000,
    }),
  });
  fixture.receive(producer.transport.handle, packet);
}

function feedbackIn(fixture: EngineFixture): { numbers: number[]; bytes: number }[] {
  const reader = new RtcpReader();
  const feedback = new TransportFeedbackReader();
  const messages: { numbers: number[]; bytes: number }[] = [];
  for (const { bytes } of fixture.takeRtcp()) {
    reader.set(bytes, 0, bytes.length);
    while (reader.next()) {
      if (!feedback.set(bytes, reader.offset, reader.byteLength)) continue;
      expect(feedback.mediaSsrc).toBe(SSRC);
      const numbers: number[] = [];
      while (feedback.next()) if (feedback.received) numbers.push(feedback.sequenceNumber);
      messages.push({ numbers, bytes: bytes.length });
    }
  }
  return messages;
}

function rembsIn(fixture: EngineFixture): number[] {
  const reader = new RtcpReader();
  const remb = new RembReader();
  const rates: number[] = [];
  for (const { bytes } of fixture.takeRtcp()) {
    reader.set(bytes, 0, bytes.length);
    while (reader.next()) {
      if (!remb.set(bytes, reader.offset, reader.byteLength)) continue;
      expect(remb.ssrc(0)).toBe(SSRC);
      rates.push(remb.bitrateBps);
    }
  }
  return rates;
}

test("transport-wide feedback reports each packet, more often the more comes", () => {
  const intervals = [20_000, 2_000].map((gapUs) => {
    const fixture = new EngineFixture();
    const producer = publish(fixture, {}, "local");
    const count = 4_000_000 / gapUs;
    for (let number = 0; number < count; number++) {
      send(fixture, producer, number, fixture.nowUs);
      fixture.advance(gapUs);
    }
    fixture.advance(300_000);
    const messages = feedbackIn(fixture);
    expect(messages.flatMap(({ numbers }) => numbers)).toEqual(Array.from({ length: count }, (_, i) => i));
    return 4_000_000 / messages.length;
  });
  expect(intervals[0]).toBeGreaterThanOrEqual(50_000);
  expect(intervals[0]).toBeLessThanOrEqual(250_000);
  expect(intervals[1]).toBeGreaterThanOrEqual(45_000);
  expect(intervals[1]).toBeLessThan(60_000);
});

test("a slow sender is told four times a second", () => {
  const fixture = new EngineFixture();
  const producer = publish(fixture, {}, "local");
  for (let number = 0; number < 16; number++) {
    send(fixture, producer, number, fixture.nowUs);
    fixture.advance(250_000);
  }
  expect(feedbackIn(fixture).length).toBeLessThanOrEqual(17);
});

test("nothing goes to a relay, nor where neither was negotiated", () => {
  for (const [feedback, origin] of [
    [{ transportCc: false, remb: false }, "local"],
    [{}, "relay"],
  ] as const) {
    const fixture = new EngineFixture();
    const producer = publish(fixture, feedback, origin);
    for (let number = 0; number < 300; number++) {
      send(fixture, producer, number, fixture.nowUs);
      fixture.advance(5_000);
    }
    const sent = fixture.takeRtcp().map(({ bytes }) => `${bytes[1]}/${bytes[0] & 0x1f}`);
    expect(sent).not.toContain("205/15");
    expect(sent).not.toContain("206/15");
  }
});

test("REMB follows a path that gets narrower, within a second or so", () => {
  const fixture = new EngineFixture();
  const producer = publish(fixture, { transportCc: false, remb: true }, "local");
  let arrivalUs = fixture.nowUs;
  const run = (seconds: number, sendGapUs: number, linkGapUs: number): number[] => {
    const startUs = fixture.nowUs;
    for (let sentUs = startUs; sentUs < startUs + seconds * 1_000_000; sentUs += sendGapUs) {
      arrivalUs = Math.max(arrivalUs + linkGapUs, sentUs);
      fixture.advance(Math.max(0, arrivalUs - fixture.nowUs));
      send(fixture, producer, sequence++, sentUs);
    }
    return rembsIn(fixture);
  };
  let sequence = 0;
  // 2 Mb/s over a path of 8 Mb/s, then over one of 1 Mb/s.
  const before = run(8, 4_200, 1_000);
  expect(before.length).toBeGreaterThanOrEqual(6);
  expect(before.at(-1)).toBeGreaterThan(2_000_000);
  const after = run(3, 4_200, 8_400);
  expect(after.at(-1)).toBeLessThan(1_200_000);
  expect(after.at(-1)).toBeGreaterThan(500_000);
});

test("without send times REMB leaves room above what arrives", () => {
  const fixture = new EngineFixture();
  const producer = publish(fixture, { transportCc: false, remb: true }, "local");
  for (let number = 0; number < 1000; number++) {
    send(fixture, producer, number, fixture.nowUs, NO_HEADER_EXTENSIONS);
    fixture.advance(4_200);
  }
  const rates = rembsIn(fixture);
  expect(rates.at(-1)).toBeGreaterThan(3_000_000);
  expect(rates.at(-1)).toBeLessThan(5_000_000);
});
