import { RedPayload } from "@cation/rtp/payload/red";
import { RtpPacketView } from "@cation/rtp/rtp-packet-view";
import type { MonoUs } from "@cation/rtp/units";
import { loadFixture } from "@cation/rtp/fixtures/fixture";
import { mediaPackets, payloadOf } from "@cation/rtp/fixtures/packets";
import { expect, test } from "vitest";
import type { CodecParameters } from "./codec-parameters.ts";
import type { TrackId } from "./ids.ts";
import { opus, PUBLISHER_EXTENSIONS, VIEWER_EXTENSIONS } from "./testing/codecs.ts";
import { EngineFixture } from "./testing/engine-fixture.ts";

const fixtureInfo = loadFixture("chromium-opus-red");
const INCOMING_RED = fixtureInfo.info.payloadType;
const INCOMING = mediaPackets(fixtureInfo);

function red(payloadType: number, inside: number): CodecParameters {
  return { ...opus(payloadType), mimeType: "audio/red", fmtp: `${inside}/${inside}` };
}

function readRed(payload: Uint8Array): RedPayload {
  const reader = new RedPayload();
  expect(reader.set(payload, 0, payload.length)).toBe(true);
  return reader;
}

const INSIDE = readRed(payloadOf(INCOMING.at(-1)!)).primaryPayloadType;

/** Forwards the capture to a receiver with these codecs; its packets. */
function forward(codecs: readonly CodecParameters[]): RtpPacketView[] {
  const fixture = new EngineFixture({}, 2048);
  const [from, to] = [fixture.openTransport(1), fixture.openTransport(2)];
  const producer = fixture.engine.addProducer({
    trackId: "t" as TrackId,
    kind: "audio",
    origin: "local",
    transport: from,
    mid: "a",
    codecs: [red(INCOMING_RED, INSIDE), opus(INSIDE)],
    extensions: PUBLISHER_EXTENSIONS,
    encodings: [{ rid: "", ssrc: INCOMING[0].ssrc, rtxSsrc: 0 }],
  });
  const params = { transport: to, codecs, extensions: VIEWER_EXTENSIONS, mid: "7", mode: "single" as const };
  fixture.engine.addConsumer(producer, { ...params, streams: [{ ssrc: 77, rtxSsrc: 0 }] }, fixture.nowUs as MonoUs);
  fixture.take();
  for (const { bytes } of INCOMING) fixture.receive(from, bytes);
  return fixture.takeRtp().map(({ bytes }) => {
    const view = new RtpPacketView();
    expect(view.set(bytes, 0, bytes.length)).toBe(true);
    return view;
  });
}

test("a receiver with RED gets all blocks, named by its own payload types", () => {
  const sent = forward([red(97, 96), opus(96)]);
  expect(sent).toHaveLength(INCOMING.length);
  for (const [i, view] of sent.entries()) {
    expect(view.payloadType).toBe(97);
    const [before, after] = [payloadOf(INCOMING[i]), payloadOf(view)];
    expect(after).toHaveLength(before.length);
    const [redBefore, redAfter] = [readRed(before), readRed(after)];
    expect(redAfter.blockCount).toBe(redBefore.blockCount);
    expect(redAfter.primaryPayloadType).toBe(96);
    const headerBytes = 4 * redBefore.blockCount + 1;
    expect(after.subarray(headerBytes)).toEqual(before.subarray(headerBytes));
    for (let block = 0; block < redAfter.blockCount; block++) {
      expect(redAfter.payloadType(block)).toBe(96);
      expect(redAfter.timestampOffset(block)).toBe(redBefore.timestampOffset(block));
      expect(redAfter.blockBytes(block)).toBe(redBefore.blockBytes(block));
    }
  }
});

test("a receiver without RED gets the newest block of each as plain Opus, with numbers and timestamps in step", () => {
  const sent = forward([opus(96)]);
  expect(sent).toHaveLength(INCOMING.length);
  const [first] = sent;
  for (const [i, view] of sent.entries()) {
    expect(view.payloadType).toBe(96);
    const payload = payloadOf(INCOMING[i]);
    const { primaryOffset } = readRed(payload);
    expect(payloadOf(view)).toEqual(payload.subarray(primaryOffset));
    expect((view.timestamp - first.timestamp) | 0).toBe((INCOMING[i].timestamp - INCOMING[0].timestamp) | 0);
    expect((view.sequenceNumber - first.sequenceNumber) & 0xffff).toBe(
      (INCOMING[i].sequenceNumber - INCOMING[0].sequenceNumber) & 0xffff,
    );
  }
});
