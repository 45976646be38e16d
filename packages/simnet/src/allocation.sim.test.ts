import { AllocationReason } from "@cation/engine/allocation/allocation-reason";
import { describe, expect, test } from "vitest";
import { brokenInvariants } from "./invariants.ts";
import { SimCluster } from "./sim-cluster.ts";
import { seedsFor, withSeed } from "./sim-run.ts";
import type { VideoShape } from "./video-source.ts";

const LOW: VideoShape = { packetsPerKeyframe: 2, packetsPerFrame: 1, packetBytes: 400, temporalLayers: 1 };
const HIGH: VideoShape = { packetsPerKeyframe: 6, packetsPerFrame: 3, packetBytes: 600, temporalLayers: 1 };
const CAMERA = { audio: false, video: [LOW, HIGH], framesPerSecond: 10, rtx: true, signalsSsrcs: true };
const CAMERAS = 50;
const SEEDS = seedsFor([81, 82], 2);
const SECOND_US = 1_000_000;

describe(`fifty cameras on one narrow downlink, seeds ${SEEDS.join(" ")}`, { timeout: 60_000 }, () => {
  test.each(SEEDS)("seed %i: what fits flows steadily, the rest is paused, nobody else notices", (seed) => {
    withSeed(seed, () => {
      const cluster = new SimCluster(seed);
      // What the link carries is said by the test.
      const node = cluster.addNode({ slotCount: 8192, config: { allocateByEstimate: false } });
      const producers = Array.from({ length: CAMERAS }, () => cluster.addPublisher(node, CAMERA).video!);
      const narrow = cluster.addViewer(node);
      const watched = producers.map((producer) => cluster.watch(narrow, producer));
      const wide = cluster.watch(cluster.addViewer(node), producers[0]);
      cluster.clock.runFor(3 * SECOND_US);
      const switchesBefore = wide.consumer.stats()[0].switches;

      // About half of the low layers fit; the estimate wanders by a tenth, as estimates do.
      const lowBps = producers[0].layers(cluster.clock.nowUs)[0].bitrateBps;
      const capacityBps = (CAMERAS / 2) * lowBps;
      const random = cluster.random.fork();
      const wander = (seconds: number, visit: () => void): void => {
        for (let i = 0; i < seconds * 5; i++) {
          const targetBps = capacityBps * (0.9 + random.nextBelow(200) / 1000);
          node.engine.setTargetBitrate(narrow.transport, targetBps, cluster.clock.nowUs);
          node.settle();
          cluster.clock.runFor(SECOND_US / 5);
          visit();
        }
      };
      wander(5, () => undefined);
      const counts = () =>
        watched.map(({ consumer }) => (consumer.allocation?.raises ?? 0) + (consumer.allocation?.lowerings ?? 0));
      const before = counts();
      let flowing = 0;
      let looks = 0;
      let overBps = 0;
      const { allocator } = watched[0].consumer.transport;
      wander(20, () => {
        looks++;
        flowing += watched.filter(({ consumer }) => consumer.stats()[0].encoding >= 0).length;
        overBps = Math.max(overBps, allocator.allocatedBps - 1.15 * capacityBps);
      });
      const changes = counts().map((count, i) => count - before[i]);
      const perMinute = (changes.reduce((sum, count) => sum + count, 0) / CAMERAS) * 3;
      expect(perMinute).toBeLessThan(4);
      expect(overBps).toBeLessThanOrEqual(0);
      // At least nine tenths of what would fit into 95 % of the capacity.
      expect(flowing / looks).toBeGreaterThan(0.9 * 0.95 * (CAMERAS / 2) * 0.9);
      const paused = watched.filter(({ consumer }) => consumer.allocation?.spatialId === -1);
      expect(paused.length).toBeGreaterThan(CAMERAS / 4);
      for (const { consumer } of paused) expect(consumer.allocation?.reason).toBe(AllocationReason.BANDWIDTH);
      // The oldest come first among equals, and stay.
      for (const { consumer } of watched.slice(0, 15)) expect(consumer.stats()[0].encoding).toBe(0);

      // The other viewer of the first camera has had the best of it all the while.
      expect(wide.consumer.stats()[0]).toMatchObject({ encoding: 1, switches: switchesBefore });
      expect(wide.stream.decoder.undecodable).toBe(0);
      expect(brokenInvariants(cluster, true)).toEqual([]);
      for (const { stream } of watched) expect(stream.decoder.undecodable).toBe(0);
    });
  });
});
