import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadFixture } from "@cation/rtp/fixtures/fixture";
import { CodecKind } from "@cation/rtp/payload/codec-kind";
import { RtpPacketView } from "@cation/rtp/rtp-packet-view";
import type { MonoUs } from "@cation/rtp/units";
import { afterAll, beforeAll, expect, test } from "vitest";
import { DEFAULT_ENGINE_CONFIG } from "./engine-config.ts";
import { HEADER_EXTENSION_URIS } from "./header-extensions.ts";
import type { TrackId } from "./ids.ts";
import { PUBLISHER_EXTENSIONS, VIEWER_EXTENSIONS, vp8 } from "./testing/codecs.ts";
import { CountingRandom, EngineFixture } from "./testing/engine-fixture.ts";
import { LoopedCapture } from "./testing/looped-capture.ts";
import { Recording } from "./testing/recording.ts";

const ROUNDS = 12;
const PACKET_US = 3_000;
/** Allocation has tests of its own. */
const UNBOUNDED = { bandwidth: { ...DEFAULT_ENGINE_CONFIG.bandwidth, minBps: 9_000_000, startBps: 9_000_000 } };

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "cation-recorded-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Forwards a capture, round after round, to a receiver that changes its wish at random; what it got, and how often it changed. */
function record(name: string, seed: number, lost = -1): { recording: Recording; wishes: number } {
  const capture = loadFixture(name);
  const looped = new LoopedCapture(capture);
  const random = new CountingRandom(seed);
  const fixture = new EngineFixture(UNBOUNDED, 4096);
  const [from, to] = [fixture.openTransport(1), fixture.openTransport(2)];
  const codec = { ...vp8(capture.info.payloadType, 0), mimeType: capture.info.codec };
  const dependencyDescriptor =
    looped.codec === CodecKind.AV1 ? capture.info.extensions[HEADER_EXTENSION_URIS.dependencyDescriptor] : 0;
  const producer = fixture.engine.addProducer({
    trackId: "t" as TrackId,
    kind: "video",
    origin: "local",
    transport: from,
    mid: "v",
    codecs: [codec],
    extensions: { ...PUBLISHER_EXTENSIONS, dependencyDescriptor },
    encodings: looped.ssrcs.map((ssrc) => ({ rid: "", ssrc, rtxSsrc: 0 })),
  });
  const consumer = fixture.engine.addConsumer(
    producer,
    {
      transport: to,
      codecs: [{ ...codec, payloadType: 50, rtxPayloadType: 51 }],
      extensions: { ...VIEWER_EXTENSIONS, dependencyDescriptor: 12 },
      mid: "7",
      mode: "single",
      streams: [{ ssrc: 77, rtxSsrc: 78 }],
    },
    fixture.nowUs as MonoUs,
  );
  const recording = new Recording(looped.codec);
  let wishes = 0;
  let next = -1;
  let sent = 0;
  for (let round = 0; round < ROUNDS; round++) {
    for (const bytes of looped.nextRound()) {
      if (random.nextUint32() % 25 === 0) {
        const wish = { maxSpatialId: random.nextUint32() % 3, maxTemporalId: random.nextUint32() % 3 };
        consumer.setPreferredLayers(wish, fixture.nowUs as MonoUs);
        wishes++;
      }
      fixture.receive(from, bytes);
      for (const packet of fixture.takeRtp()) {
        const view = new RtpPacketView();
        expect(view.set(packet.bytes, 0, packet.bytes.length)).toBe(true);
        if (view.ssrc !== 77) continue;
        if (next >= 0) expect(view.sequenceNumber).toBe(next);
        next = (view.sequenceNumber + 1) & 0xffff;
        if (sent++ !== lost) recording.push(view);
      }
      fixture.advance(PACKET_US);
    }
  }
  return { recording, wishes };
}

/** What ffmpeg says of a recording: its errors, and the bytes of each picture that it decoded. */
function decode(recording: Recording, file: string): { errors: string; pictures: number[] } {
  writeFileSync(file, recording.bytes());
  const strict = ["-hide_banner", "-v", "error", "-xerror", "-err_detect", "explode"];
  const output = ["-fps_mode", "passthrough", "-autoscale", "0", "-f", "framecrc", "-"];
  const run = spawnSync("ffmpeg", [...strict, "-i", file, ...output], { encoding: "utf8", timeout: 60_000 });
  const lines = run.stdout.split("\n").filter((line) => line.startsWith("0,"));
  const errors = run.status === 0 ? run.stderr : `${run.stderr} status ${run.status}`;
  return { errors, pictures: lines.map((line) => Number(line.split(",")[4])) };
}

/** Captures, and in how many sizes they come. */
const CASES = [
  ["chromium-vp8-simulcast", "ivf", 3],
  ["chromium-vp9-l3t3-key", "ivf", 3],
  ["chromium-vp9-l1t1", "ivf", 1],
  ["chromium-h264", "h264", 1],
  ["chromium-av1-l2t2-key", "ivf", 2],
  ["chromium-av1-l1t3", "ivf", 1],
] as const;

test.each(CASES)(
  "%s, forwarded with layers that change at random, is decoded by ffmpeg without an error",
  (name, format, sizeCount) => {
    const sizes = new Set<number>();
    for (const seed of [1, 2, 3]) {
      const { recording, wishes } = record(name, seed);
      const { errors, pictures } = decode(recording, join(folder, `${name}-${seed}.${format}`));
      expect(errors, `${name}, seed ${seed}`).toBe("");
      expect(wishes).toBeGreaterThan(5);
      expect(recording.pictures).toBeGreaterThan(ROUNDS);
      expect(pictures.length).toBeGreaterThanOrEqual(recording.pictures);
      for (const bytes of pictures) sizes.add(bytes);
    }
    expect(sizes.size).toBe(sizeCount);
  },
);

test.each(["chromium-vp9-l3t3-key", "chromium-av1-l2t2-key"])(
  "%s: ffmpeg notices a packet that is left out",
  (name) => {
    const { recording } = record(name, 1, 3);
    expect(decode(recording, join(folder, `${name}-lost.ivf`)).errors).not.toBe("");
  },
);
