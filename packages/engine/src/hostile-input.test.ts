import fc from "fast-check";
import { expect, test } from "vitest";
import type { TrackId } from "./ids.ts";
import { SEND_PREFIX_MAX_BYTES } from "./send-batch.ts";
import { opus, PUBLISHER_EXTENSIONS, VIEWER_EXTENSIONS, vp8 } from "./testing/codecs.ts";
import { EngineFixture } from "./testing/engine-fixture.ts";
import { buildRtp, buildVp8 } from "./testing/rtp-builder.ts";

const SLOT_BYTES = 1536;

/** Everything the engine has: video with RTX, audio, AV1 passed through, a viewer, a relay. */
function setUp(): EngineFixture {
  const fixture = new EngineFixture({}, 64);
  for (const handle of [1, 2, 3]) fixture.openTransport(handle);
  const av1 = { ...vp8(45, 46), mimeType: "video/AV1" };
  const h264 = { ...vp8(102, 103), mimeType: "video/H264" };
  const vp9 = { ...vp8(98, 99), mimeType: "video/VP9" };
  const video = [vp8(96, 97), av1, h264, vp9];
  for (const kind of ["video", "audio"] as const) {
    const producer = fixture.engine.addProducer({
      trackId: kind as TrackId,
      kind,
      origin: "local",
      transport: 1 as never,
      mid: kind,
      codecs: kind === "video" ? video : [opus(111)],
      extensions: { ...PUBLISHER_EXTENSIONS, dependencyDescriptor: 12, absCaptureTime: 5 },
      encodings: [{ rid: "", ssrc: kind === "video" ? 10 : 11, rtxSsrc: kind === "video" ? 12 : 0 }],
    });
    for (const mode of ["single", "all"] as const) {
      fixture.engine.addConsumer(producer, {
        transport: (mode === "single" ? 2 : 3) as never,
        codecs: producer.params.codecs,
        extensions: { ...VIEWER_EXTENSIONS, dependencyDescriptor: 12, absCaptureTime: 11 },
        mid: "m",
        mode,
        streams: [{ ssrc: kind === "video" ? 20 : 21, rtxSsrc: 0 }],
      });
    }
  }
  return fixture;
}

function sound(sequenceNumber: number): Uint8Array {
  const draft = { pictureId: 5, tl0PictureIndex: 1, temporalId: 0, startOfFrame: true, keyframe: true };
  return buildRtp({
    payloadType: [96, 97, 45, 102, 98, 111][sequenceNumber % 6],
    sequenceNumber,
    timestamp: sequenceNumber * 3000,
    ssrc: [10, 12, 10, 10, 10, 11][sequenceNumber % 6],
    extensions: { 1: Uint8Array.of(1), 12: new Uint8Array(sequenceNumber % 60).fill(7), 4: Uint8Array.of(0x76) },
    payload: buildVp8(draft),
  });
}

const damage = fc.record({ at: fc.nat(120), value: fc.nat(255) });
const damaged = fc
  .tuple(fc.nat(0xffff), fc.array(damage, { maxLength: 6 }), fc.option(fc.nat(100)))
  .map(([sequenceNumber, damages, cut]) => {
    const bytes = sound(sequenceNumber);
    for (const { at, value } of damages) if (at < bytes.length) bytes[at] = value;
    return cut === null ? bytes : bytes.subarray(0, cut);
  });
const rtcpHeader = fc
  .tuple(fc.integer({ min: 192, max: 223 }), fc.nat(31), fc.nat(20), fc.uint8Array({ maxLength: 90 }))
  .map(([type, count, words, rest]) => Uint8Array.of(0x80 | count, type, 0, words, ...rest));
const aimedRtcp = fc
  .tuple(
    fc.constantFrom(200, 201, 203, 205, 206),
    fc.nat(15),
    fc.constantFrom(10, 12, 20, 21),
    fc.uint8Array({ maxLength: 60 }),
  )
  .map(([type, count, ssrc, rest]) => {
    const bytes = Uint8Array.of(0x80 | count, type, 0, 0, 0, 0, 0, ssrc, 0, 0, 0, ssrc, ...rest);
    const whole = bytes.subarray(0, bytes.length & ~3);
    whole[3] = whole.length / 4 - 1;
    return whole;
  });
const input = fc.record({
  transport: fc.integer({ min: 1, max: 4 }),
  bytes: fc.oneof(fc.uint8Array({ maxLength: 200 }), damaged, rtcpHeader, aimedRtcp),
  waitUs: fc.nat(300_000),
});

test("whatever comes in: nothing is thrown, every record is sound", () => {
  fc.assert(
    fc.property(fc.array(input, { minLength: 1, maxLength: 60 }), (inputs) => {
      const fixture = setUp();
      const { batch } = fixture.sink;
      const flush = fixture.sink.flush.bind(fixture.sink);
      fixture.sink.flush = () => {
        for (let i = 0; i < batch.count; i++) {
          const word = i * 32;
          const prefixBytes = batch.u16[2 * word + 11];
          expect(prefixBytes).toBeLessThanOrEqual(SEND_PREFIX_MAX_BYTES);
          expect(batch.u32[word + 7]).toBeLessThanOrEqual(prefixBytes);
          expect(batch.u32[word + 1]).toBeLessThan(64);
          expect(batch.u16[2 * word + 6] + batch.u16[2 * word + 7]).toBeLessThanOrEqual(SLOT_BYTES);
        }
        flush();
      };
      for (const { transport, bytes, waitUs } of inputs) {
        fixture.receive(transport as never, bytes);
        fixture.advance(waitUs);
      }
      fixture.receive(1 as never, sound(6));
      for (const { bytes, rtcp } of fixture.take()) expect(bytes.length).toBeGreaterThanOrEqual(rtcp ? 8 : 12);
    }),
    { numRuns: 300 },
  );
});
