import { describe, expect, test } from "vitest";
import { brokenInvariants } from "./invariants.ts";
import type { LinkConfig } from "./link-model.ts";
import { SimCluster } from "./sim-cluster.ts";
import { seedsFor, withSeed } from "./sim-run.ts";
import type { VideoShape } from "./video-source.ts";

const LOW: VideoShape = { packetsPerKeyframe: 2, packetsPerFrame: 1, packetBytes: 150, temporalLayers: 2 };
const HIGH: VideoShape = { packetsPerKeyframe: 8, packetsPerFrame: 3, packetBytes: 300, temporalLayers: 2 };
const CALL = { audio: true, video: [LOW, HIGH], framesPerSecond: 30, rtx: true, signalsSsrcs: false };
const SEEDS = seedsFor([31, 32, 33], 2);
const HOP: Partial<LinkConfig> = { delayUs: 15_000 };
const LOSSY_HOP: Partial<LinkConfig> = { delayUs: 15_000, jitterUs: 5_000, loss: 0.05 };

describe(`relays, seeds ${SEEDS.join(" ")}`, { timeout: 30_000 }, () => {
  for (const [name, hop] of [["clean links", HOP] as const, ["links with 5 % loss", LOSSY_HOP] as const]) {
    test.each(SEEDS)(`chain of four nodes, ${name}, seed %i: viewers everywhere see the same`, (seed) => {
      withSeed(seed, () => runChain(seed, hop));
    });
  }

  test("a viewer who comes late, three hops away, has a picture within a second", () => {
    const cluster = new SimCluster(41);
    const { nodes, videos, seat } = chain(cluster, HOP);
    cluster.clock.runFor(5_000_000);
    const startUs = cluster.clock.nowUs;
    const late = cluster.watch(cluster.addViewer(nodes[3]), videos[3]);
    cluster.clock.runFor(1_000_000);
    expect(late.stream.frames).toBeGreaterThan(15);
    expect(late.stream.decoder.lastDecoded?.truth.encoding).toBe(1);
    const asked = seat.publisher.keyframeRequestsUs[1].filter((timeUs) => timeUs >= startUs);
    expect(asked).toHaveLength(1);
  });

  test("500 viewers on three nodes in one second cost one keyframe request a window", { timeout: 30_000 }, () => {
    const cluster = new SimCluster(42);
    const { nodes, videos, seat } = chain(cluster, HOP);
    cluster.clock.runFor(3_000_000);
    const startUs = cluster.clock.nowUs;
    for (let i = 0; i < 500; i++) {
      const hop = 1 + (i % 3);
      cluster.clock.after(i * 2_000, () => {
        cluster.watch(cluster.addViewer(nodes[hop]), videos[hop]);
      });
    }
    cluster.clock.runFor(1_800_000);
    const asked = seat.publisher.keyframeRequestsUs[1].filter((timeUs) => timeUs >= startUs);
    expect(asked.length).toBeGreaterThan(0);
    expect(asked.length).toBeLessThanOrEqual(3);
    expect(brokenInvariants(cluster, true)).toEqual([]);
    for (const { viewer } of cluster.viewers) expect(viewer.streams[0].frames).toBeGreaterThan(5);
  });

  test("audio and video stay together through relays, whatever the hops' delays", () => {
    const cluster = new SimCluster(43);
    const { nodes, videos, audios, seat } = chain(cluster, { delayUs: 70_000 });
    const viewer = cluster.addViewer(nodes[3]);
    const video = cluster.watch(viewer, videos[3]).stream;
    const audio = cluster.watch(viewer, audios[3]).stream;
    for (const stream of [video, audio]) stream.checkClock((us) => seat.publisher.wallClockUs(us));
    cluster.clock.runFor(10_000_000);
    expect(video.reports).toBeGreaterThan(3);
    expect(audio.reports).toBeGreaterThan(3);
    expect(video.clockErrorUs).toBeLessThan(1_000);
    expect(audio.clockErrorUs).toBeLessThan(1_000);
  });

  test("the relay passes encodings on with the publisher's numbers and timestamps", () => {
    const cluster = new SimCluster(44);
    const { nodes, videos, seat } = chain(cluster, HOP);
    cluster.clock.runFor(2_000_000);
    const stats = videos[3].stats(cluster.clock.nowUs);
    expect(stats.map(({ active }) => active)).toEqual([true, true]);
    for (const [i, { sender }] of seat.publisher.encodings.entries()) {
      expect(sender.packets - stats[i].packets).toBeLessThan(20);
      expect(stats[i].lostPackets).toBe(0);
    }
    expect(nodes[3].engine.stats().drops).toEqual({});
  });
});

function chain(cluster: SimCluster, hop: Partial<LinkConfig>) {
  const nodes = Array.from({ length: 4 }, () => cluster.addNode({ slotCount: 8192 }));
  const seat = cluster.addPublisher(nodes[0], CALL, { up: { delayUs: 10_000 }, down: { delayUs: 10_000 } });
  const videos = [seat.video!];
  const audios = [seat.audio!];
  for (let i = 1; i < nodes.length; i++) {
    const link = cluster.connect(nodes[i - 1], nodes[i], { up: hop, down: { delayUs: hop.delayUs } });
    videos.push(cluster.relay(link, videos[i - 1]).producer);
    audios.push(cluster.relay(link, audios[i - 1]).producer);
  }
  return { nodes, videos, audios, seat };
}

function runChain(seed: number, hop: Partial<LinkConfig>): void {
  const cluster = new SimCluster(seed);
  const { nodes, videos, audios } = chain(cluster, hop);
  const streams = nodes.flatMap((node, i) =>
    [0, 1].map(() => {
      const viewer = cluster.addViewer(node, { up: { delayUs: 10_000 }, down: { delayUs: 10_000 } });
      cluster.watch(viewer, audios[i]);
      return cluster.watch(viewer, videos[i]).stream;
    }),
  );
  cluster.clock.runFor(12_000_000);
  for (const relay of cluster.relays) relay.forth.configure({ loss: 0, jitterUs: 0 });
  cluster.clock.runFor(3_000_000);
  expect(brokenInvariants(cluster, true)).toEqual([]);
  for (const stream of streams) {
    expect(stream.frames).toBeGreaterThan(400);
    expect(stream.decoder.lastDecoded?.truth.encoding).toBe(1);
    expect(stream.recovery.skipped.length).toBeLessThan(10);
  }
}
