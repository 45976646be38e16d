import type { Consumer } from "@cation/engine/consumer";
import { DEFAULT_ENGINE_CONFIG } from "@cation/engine/engine-config";
import { describe, expect, test } from "vitest";
import { brokenInvariants } from "./invariants.ts";
import { SimCluster } from "./sim-cluster.ts";
import type { SeededRandom } from "./seeded-random.ts";
import { seedsFor, withSeed } from "./sim-run.ts";
import type { SvcDecoderModel } from "./svc-decoder-model.ts";
import { ENCODINGS_APART } from "./svc-source.ts";
import type { SvcShape } from "./svc-source.ts";

const BASE: SvcShape = {
  codec: "VP9",
  spatialLayers: 3,
  temporalLayers: 3,
  keyOnly: true,
  flexible: true,
  linkedTop: false,
  packetBytes: 200,
};
/** Allocation has tests of its own: here bandwidth is none of a viewer's worries. */
const UNBOUNDED = { bandwidth: { ...DEFAULT_ENGINE_CONFIG.bandwidth, minBps: 5_000_000, startBps: 5_000_000 } };
const SINGLE = { ...BASE, spatialLayers: 1 };

/** What a publisher sends: one shape an encoding. */
const STREAMS: readonly [string, readonly SvcShape[]][] = [
  ["VP9 L3T3_KEY, flexible", [BASE]],
  ["VP9 L3T3, flexible", [{ ...BASE, keyOnly: false }]],
  ["VP9 L3T3_KEY, not flexible", [{ ...BASE, flexible: false }]],
  [
    "VP9 L2T3, not flexible, no way up between top frames",
    [{ ...BASE, spatialLayers: 2, keyOnly: false, flexible: false, linkedTop: true }],
  ],
  ["VP9 simulcast L1T3", [SINGLE, SINGLE, SINGLE]],
  ["AV1 L2T2_KEY", [{ ...BASE, codec: "AV1", spatialLayers: 2, temporalLayers: 2 }]],
  [
    "AV1 L2T3, no way up between top frames",
    [{ ...BASE, codec: "AV1", spatialLayers: 2, keyOnly: false, linkedTop: true }],
  ],
  [
    "AV1 simulcast L1T2",
    [
      { ...SINGLE, codec: "AV1", temporalLayers: 2 },
      { ...SINGLE, codec: "AV1", temporalLayers: 2 },
    ],
  ],
];
const SEEDS = seedsFor([31, 3_977_921_482], 1);
const CASES = STREAMS.flatMap(([name, video]) => SEEDS.map((seed) => ({ name, video, seed })));

function callOf(video: readonly SvcShape[]): {
  audio: boolean;
  video: readonly SvcShape[];
  framesPerSecond: number;
  rtx: boolean;
  signalsSsrcs: boolean;
} {
  return { audio: false, video, framesPerSecond: 30, rtx: true, signalsSsrcs: false };
}

/** The best that there is, as the truth counts encodings. */
function topOf(video: readonly SvcShape[]): number {
  return video.length > 1 ? (video.length - 1) * ENCODINGS_APART : video[0].spatialLayers - 1;
}

describe(`layers inside a stream, seeds ${SEEDS.join(" ")}`, { timeout: 60_000 }, () => {
  test.each(CASES)("$name, random wishes on a perfect network, seed $seed: all decodes", ({ video, seed }) => {
    withSeed(seed, () => {
      const cluster = new SimCluster(seed);
      const node = cluster.addNode();
      const seat = cluster.addPublisher(node, callOf(video));
      const watched = Array.from({ length: 5 }, () => cluster.watch(cluster.addViewer(node), seat.video!));
      const [untouched, ...others] = watched;
      for (const { consumer } of others) wishAtRandom(cluster, cluster.random.fork(), consumer);
      cluster.clock.runFor(15_000_000);
      expect(brokenInvariants(cluster, true).slice(0, 6)).toEqual([]);
      for (const { stream } of watched) {
        expect(stream.recovery.asked + stream.recovery.skipped.length).toBe(0);
        expect(stream.decoder.undecodable).toBe(0);
        expect(stream.decoder.truncated).toBe(0);
        expect((stream.decoder as SvcDecoderModel).unwanted).toBe(0);
      }
      expect(untouched.stream.frames).toBeGreaterThan(400);
      expect(untouched.stream.framesByEncoding[topOf(video)]).toBeGreaterThan(390);
      for (const { stream } of others) {
        expect(stream.frames).toBeGreaterThan(60);
        expect(Object.keys(stream.framesByEncoding).length).toBeGreaterThan(1);
      }
    });
  });

  test.each(CASES)("$name, random wishes, pauses, loss and reordering, seed $seed", ({ video, seed }) => {
    withSeed(seed, () => {
      const cluster = new SimCluster(seed);
      const node = cluster.addNode({ slotCount: 8192, config: UNBOUNDED });
      const bad = { delayUs: 20_000, jitterUs: 10_000, loss: 0.03, reorder: 0.02, reorderUs: 8_000 };
      const seat = cluster.addPublisher(node, callOf(video), { up: bad, down: { delayUs: 20_000 } });
      const watched = Array.from({ length: 3 }, () =>
        cluster.watch(cluster.addViewer(node, { up: { delayUs: 20_000 }, down: bad }), seat.video!),
      );
      for (const { consumer } of watched) wishAtRandom(cluster, cluster.random.fork(), consumer, true);
      cluster.clock.runFor(15_000_000);
      const calm = { loss: 0, reorder: 0, jitterUs: 0 };
      seat.up.configure(calm);
      for (const viewer of cluster.viewers) viewer.down.configure(calm);
      for (const { consumer } of watched) {
        consumer.setPaused(false, cluster.clock.nowUs);
        consumer.setPreferredLayers({}, cluster.clock.nowUs);
      }
      node.settle();
      cluster.clock.runFor(15_000_000);
      expect(brokenInvariants(cluster, true).slice(0, 6)).toEqual([]);
      for (const { stream } of watched) {
        expect(stream.decoder.lastDecoded?.truth.encoding).toBe(topOf(video));
        expect(cluster.clock.nowUs - stream.lastFrameUs).toBeLessThan(100_000);
      }
    });
  });
});

describe("layers over two nodes", { timeout: 60_000 }, () => {
  test.each(STREAMS)("%s: descriptors and ids cross a relay as they are, wishes are met behind it", (_, video) => {
    const cluster = new SimCluster(33);
    const [first, second] = [cluster.addNode({ config: UNBOUNDED }), cluster.addNode({ config: UNBOUNDED })];
    const seat = cluster.addPublisher(first, callOf(video));
    const link = cluster.connect(first, second, { up: { delayUs: 5_000 }, down: { delayUs: 5_000 } });
    const { producer } = cluster.relay(link, seat.video!);
    const watched = Array.from({ length: 3 }, () => cluster.watch(cluster.addViewer(second), producer));
    for (const { consumer } of watched) wishAtRandom(cluster, cluster.random.fork(), consumer);
    cluster.clock.runFor(16_000_000);
    for (const { consumer } of watched) consumer.setPreferredLayers({}, cluster.clock.nowUs);
    second.settle();
    cluster.clock.runFor(5_000_000);
    expect(brokenInvariants(cluster, true)).toEqual([]);
    for (const { stream } of watched) {
      expect(stream.decoder.undecodable).toBe(0);
      expect(stream.frames).toBeGreaterThan(150);
      expect(Object.keys(stream.framesByEncoding).length).toBeGreaterThan(1);
      expect(stream.decoder.lastDecoded?.truth.encoding).toBe(topOf(video));
    }
  });
});

/** Changes the wish every 0.1 … 1 s; sometimes pauses. */
function wishAtRandom(cluster: SimCluster, random: SeededRandom, consumer: Consumer, pauses = false): void {
  const tick = (): void => {
    const { nowUs } = cluster.clock;
    if (cluster.clock.nowUs > 15_500_000) return;
    if (pauses && random.chance(0.2)) consumer.setPaused(!consumer.paused, nowUs);
    consumer.setPreferredLayers({ maxSpatialId: random.nextBelow(3), maxTemporalId: random.nextBelow(3) }, nowUs);
    for (const node of cluster.nodes) node.settle();
    cluster.clock.after(100_000 + random.nextBelow(900_000), tick);
  };
  cluster.clock.after(random.nextBelow(500_000), tick);
}
