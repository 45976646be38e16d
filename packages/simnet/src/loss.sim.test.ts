import { describe, expect, test } from "vitest";
import { brokenInvariants } from "./invariants.ts";
import type { LinkConfig } from "./link-model.ts";
import { SimCluster } from "./sim-cluster.ts";
import type { PublisherSeat } from "./sim-cluster.ts";
import { seedsFor, withSeed } from "./sim-run.ts";
import type { VideoShape } from "./video-source.ts";

const SMALL: VideoShape = { packetsPerKeyframe: 6, packetsPerFrame: 2, packetBytes: 200, temporalLayers: 1 };
const SEEDS = seedsFor([11, 12, 13], 2);
const RUN_US = 15_000_000;
const QUIET_US = 4_000_000;

const NETWORKS: Readonly<Record<string, Partial<LinkConfig>>> = {
  "2 % loss": { delayUs: 20_000, loss: 0.02 },
  "10 % loss, jitter": { delayUs: 20_000, jitterUs: 30_000, loss: 0.1 },
  bursts: { delayUs: 10_000, burst: { toBad: 0.01, toGood: 0.2, lossInGood: 0, lossInBad: 0.6 } },
  "reordering, duplicates": { delayUs: 10_000, jitterUs: 5_000, reorder: 0.05, reorderUs: 15_000, duplicate: 0.05 },
};

describe(`loss, seeds ${SEEDS.join(" ")}`, { timeout: 30_000 }, () => {
  for (const [name, path] of Object.entries(NETWORKS)) {
    for (const rtx of [true, false]) {
      test.each(SEEDS)(`${name}, ${rtx ? "RTX" : "plain repetition"}, seed %i`, (seed) => {
        withSeed(seed, () => run(seed, path, rtx));
      });
    }
  }
});

function run(seed: number, path: Partial<LinkConfig>, rtx: boolean): void {
  const cluster = new SimCluster(seed);
  const node = cluster.addNode({ slotCount: 8192 });
  const options = { audio: true, video: [SMALL], framesPerSecond: 30, rtx, signalsSsrcs: rtx };
  const seat = cluster.addPublisher(node, options, { up: path, down: { delayUs: 20_000 } });
  const watched = Array.from({ length: 4 }, () => {
    const viewer = cluster.addViewer(node, { up: { delayUs: 20_000 }, down: path });
    cluster.watch(viewer, seat.audio!);
    return cluster.watch(viewer, seat.video!, rtx);
  });
  cluster.clock.runFor(RUN_US);
  calm(cluster, seat);
  cluster.clock.runFor(QUIET_US);

  expect(brokenInvariants(cluster, true)).toEqual([]);
  for (const { stream, consumer } of watched) {
    expect(stream.frames).toBeGreaterThan(0.85 * 30 * 15);
    expect(stream.longestPauseUs).toBeLessThan(2_000_000);
    // Probes repeat what was sent.
    const repeated = 2 * stream.recovery.asked + consumer.streams[0].paddingPackets;
    expect(stream.recovery.duplicates).toBeLessThanOrEqual(repeated + 200);
  }
  const drops = node.engine.stats().drops;
  expect(drops["nack-limit"] ?? 0).toBe(0);
  expect(drops["rtp-malformed"] ?? 0).toBe(0);
  expect(drops["rtx-malformed"] ?? 0).toBe(0);
}

/** The network becomes perfect, so that what is missing can come. */
function calm(cluster: SimCluster, seat: PublisherSeat): void {
  const perfect = { loss: 0, burst: undefined, reorder: 0, duplicate: 0, jitterUs: 0 };
  seat.up.configure(perfect);
  for (const viewer of cluster.viewers) viewer.down.configure(perfect);
}
