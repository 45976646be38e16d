import type { Consumer } from "@cation/engine/consumer";
import { describe, expect, test } from "vitest";
import { brokenInvariants } from "./invariants.ts";
import { SimCluster } from "./sim-cluster.ts";
import type { SeededRandom } from "./seeded-random.ts";
import { seedsFor, withSeed } from "./sim-run.ts";
import type { VideoShape } from "./video-source.ts";

const LOW: VideoShape = { packetsPerKeyframe: 2, packetsPerFrame: 1, packetBytes: 150, temporalLayers: 3 };
const MIDDLE: VideoShape = { packetsPerKeyframe: 4, packetsPerFrame: 2, packetBytes: 200, temporalLayers: 3 };
const HIGH: VideoShape = { packetsPerKeyframe: 9, packetsPerFrame: 4, packetBytes: 300, temporalLayers: 3 };
const CALL = { audio: false, video: [LOW, MIDDLE, HIGH], framesPerSecond: 30, rtx: true, signalsSsrcs: false };
const SEEDS = seedsFor([21, 22, 23, 24], 3);

describe(`simulcast, seeds ${SEEDS.join(" ")}`, { timeout: 30_000 }, () => {
  test.each(SEEDS)("random wishes on a perfect network, seed %i: no step, no gap, all decodes", (seed) => {
    withSeed(seed, () => {
      const cluster = new SimCluster(seed);
      const node = cluster.addNode();
      const seat = cluster.addPublisher(node, CALL);
      const watched = Array.from({ length: 6 }, () => cluster.watch(cluster.addViewer(node), seat.video!));
      for (const { stream } of watched) stream.checkClock((us) => seat.publisher.wallClockUs(us));
      for (const { consumer } of watched.slice(1)) wishAtRandom(cluster, cluster.random.fork(), consumer);
      cluster.clock.runFor(20_000_000);
      expect(brokenInvariants(cluster, true)).toEqual([]);
      for (const { stream } of watched) {
        expect(stream.recovery.asked + stream.recovery.skipped.length).toBe(0);
        expect(stream.decoder.undecodable).toBe(0);
      }
      const [untouched, ...others] = watched;
      expect(untouched.stream.frames).toBeGreaterThan(590);
      expect(untouched.stream.framesByEncoding[2]).toBeGreaterThan(580);
      for (const { stream, consumer } of others) {
        expect(stream.frames).toBeGreaterThan(100);
        expect(consumer.stats()[0].switches).toBeGreaterThan(3);
        // One frame to keep timestamps rising, and the report that says so comes up to 1.5 s later.
        expect(stream.clockErrorUs).toBeLessThan(70_000);
      }
    });
  });

  test.each(SEEDS)("random wishes, pauses and loss, seed %i: nothing that the network did not do", (seed) => {
    withSeed(seed, () => {
      const cluster = new SimCluster(seed);
      const node = cluster.addNode({ slotCount: 8192 });
      const bad = { delayUs: 20_000, jitterUs: 10_000, loss: 0.03, reorder: 0.02, reorderUs: 8_000 };
      const seat = cluster.addPublisher(node, CALL, { up: bad, down: { delayUs: 20_000 } });
      const watched = Array.from({ length: 4 }, () =>
        cluster.watch(cluster.addViewer(node, { up: { delayUs: 20_000 }, down: bad }), seat.video!),
      );
      for (const { consumer } of watched) wishAtRandom(cluster, cluster.random.fork(), consumer, true);
      cluster.clock.runFor(20_000_000);
      const calm = { loss: 0, reorder: 0, jitterUs: 0 };
      seat.up.configure(calm);
      for (const viewer of cluster.viewers) viewer.down.configure(calm);
      for (const { consumer } of watched) {
        consumer.setPaused(false, cluster.clock.nowUs);
        consumer.setPreferredLayers({}, cluster.clock.nowUs);
      }
      node.settle();
      cluster.clock.runFor(5_000_000);
      expect(brokenInvariants(cluster, true)).toEqual([]);
      for (const { stream } of watched) {
        expect(stream.decoder.lastDecoded?.truth.encoding).toBe(2);
        expect(cluster.clock.nowUs - stream.lastFrameUs).toBeLessThan(100_000);
      }
    });
  });

  test("an encoding that stops is replaced by the next lower one, and taken again when it is back", () => {
    const cluster = new SimCluster(5);
    const node = cluster.addNode();
    const seat = cluster.addPublisher(node, CALL);
    const { stream } = cluster.watch(cluster.addViewer(node), seat.video!);
    cluster.clock.runFor(3_000_000);
    expect(stream.decoder.lastDecoded?.truth.encoding).toBe(2);
    const [low, middle, high] = seat.publisher.encodings;
    high.paused = true;
    cluster.clock.runFor(4_000_000);
    expect(stream.decoder.lastDecoded?.truth.encoding).toBe(1);
    middle.paused = true;
    low.paused = true;
    cluster.clock.runFor(4_000_000);
    low.paused = false;
    cluster.clock.runFor(1_000_000);
    expect(stream.decoder.lastDecoded?.truth.encoding).toBe(0);
    high.paused = false;
    high.source.requestKeyframe();
    cluster.clock.runFor(1_000_000);
    expect(stream.decoder.lastDecoded?.truth.encoding).toBe(2);
    expect(brokenInvariants(cluster, true)).toEqual([]);
  });

  test("an old client tells encodings by ssrc groups, without rids: wishes are met, losses repaired", () => {
    const cluster = new SimCluster(9);
    const node = cluster.addNode();
    const lossy = { delayUs: 15_000, loss: 0.02 };
    const seat = cluster.addPublisher(node, { ...CALL, signalsSsrcs: true }, { up: lossy, down: { delayUs: 15_000 } });
    const { stream, consumer } = cluster.watch(cluster.addViewer(node), seat.video!);
    for (const maxSpatialId of [0, 2, 1]) {
      consumer.setPreferredLayers({ maxSpatialId }, cluster.clock.nowUs);
      node.settle();
      cluster.clock.runFor(4_000_000);
      expect(stream.decoder.lastDecoded?.truth.encoding).toBe(maxSpatialId);
    }
    seat.up.configure({ loss: 0 });
    cluster.clock.runFor(2_000_000);
    expect(seat.video!.streams.reduce((sum, { recovered }) => sum + recovered, 0)).toBeGreaterThan(10);
    expect(brokenInvariants(cluster, true)).toEqual([]);
  });

  test("one viewer's wish leaves the others' streams alone", () => {
    const cluster = new SimCluster(6);
    const node = cluster.addNode();
    const seat = cluster.addPublisher(node, CALL);
    const [a, b] = [0, 1].map(() => cluster.watch(cluster.addViewer(node), seat.video!));
    cluster.clock.runFor(2_000_000);
    const before = b.consumer.stats()[0].switches;
    a.consumer.setPreferredLayers({ maxSpatialId: 0 }, cluster.clock.nowUs);
    a.consumer.setPreferredLayers({ maxSpatialId: 1 }, cluster.clock.nowUs);
    a.consumer.setPreferredLayers({ maxSpatialId: 0, maxTemporalId: 0 }, cluster.clock.nowUs);
    node.settle();
    cluster.clock.runFor(2_000_000);
    expect(a.stream.decoder.lastDecoded?.truth.encoding).toBe(0);
    expect(b.stream.decoder.lastDecoded?.truth.encoding).toBe(2);
    expect(b.consumer.stats()[0].switches).toBe(before);
    expect(a.stream.framesByEncoding[1] ?? 0).toBeLessThan(20);
    expect(brokenInvariants(cluster, true)).toEqual([]);
  });

  test.each([0, 1])("temporal layers up to %i only, others left out without a gap", (maxTemporalId) => {
    const cluster = new SimCluster(7 + maxTemporalId);
    const node = cluster.addNode();
    const seat = cluster.addPublisher(node, CALL);
    const { stream, consumer } = cluster.watch(cluster.addViewer(node), seat.video!);
    consumer.setPreferredLayers({ maxTemporalId }, cluster.clock.nowUs);
    node.settle();
    cluster.clock.runFor(5_000_000);
    expect(stream.framesByTemporalId.length).toBe(maxTemporalId + 1);
    expect(stream.frames).toBeGreaterThan((maxTemporalId === 0 ? 7 : 14) * 5);
    consumer.setPreferredLayers({}, cluster.clock.nowUs);
    cluster.clock.runFor(2_000_000);
    expect(stream.framesByTemporalId.length).toBe(3);
    expect(stream.recovery.asked).toBe(0);
    expect(brokenInvariants(cluster, true)).toEqual([]);
  });
});

/** Changes the wish every 0.1 … 1 s; sometimes pauses. */
function wishAtRandom(cluster: SimCluster, random: SeededRandom, consumer: Consumer, pauses = false): void {
  const tick = (): void => {
    const { nowUs } = cluster.clock;
    if (cluster.clock.nowUs > 21_000_000) return;
    if (pauses && random.chance(0.2)) consumer.setPaused(!consumer.paused, nowUs);
    consumer.setPreferredLayers({ maxSpatialId: random.nextBelow(3), maxTemporalId: random.nextBelow(3) }, nowUs);
    for (const node of cluster.nodes) node.settle();
    cluster.clock.after(100_000 + random.nextBelow(900_000), tick);
  };
  cluster.clock.after(random.nextBelow(500_000), tick);
}
