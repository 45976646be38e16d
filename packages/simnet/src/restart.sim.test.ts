import { describe, expect, test } from "vitest";
import { brokenInvariants } from "./invariants.ts";
import { SimCluster } from "./sim-cluster.ts";
import { seedsFor, withSeed } from "./sim-run.ts";
import type { VideoShape } from "./video-source.ts";

const SMALL: VideoShape = { packetsPerKeyframe: 4, packetsPerFrame: 2, packetBytes: 200, temporalLayers: 1 };
const CALL = { audio: true, video: [SMALL], framesPerSecond: 30, rtx: true, signalsSsrcs: false };
const SEEDS = seedsFor([61, 62, 63], 2);

describe(`restarts and replaced sources, seeds ${SEEDS.join(" ")}`, { timeout: 30_000 }, () => {
  for (const sameSsrc of [true, false]) {
    const what = sameSsrc ? "numbers and timestamps" : "ssrc, numbers and timestamps";
    test.each(SEEDS)(
      `a publisher begins anew with other ${what}, seed %i: viewers here and beyond a relay go on`,
      (seed) => {
        withSeed(seed, () => restart(seed, sameSsrc));
      },
    );
  }

  test.each(SEEDS)("a consumer's source is replaced again and again, seed %i: one continuous stream", (seed) => {
    withSeed(seed, () => {
      const cluster = new SimCluster(seed);
      const node = cluster.addNode();
      const seats = [0, 1, 2].map(() => cluster.addPublisher(node, CALL));
      const viewer = cluster.addViewer(node);
      const video = cluster.watch(viewer, seats[0].video!);
      const audio = cluster.watch(viewer, seats[0].audio!);
      cluster.clock.runFor(1_000_000);
      for (let i = 0; i < 12; i++) {
        const seat = seats[cluster.random.nextBelow(3)];
        video.consumer.replaceProducer(seat.video!, cluster.clock.nowUs);
        audio.consumer.replaceProducer(seat.audio!, cluster.clock.nowUs);
        node.settle();
        cluster.clock.runFor(200_000 + cluster.random.nextBelow(800_000));
      }
      expect(brokenInvariants(cluster, true)).toEqual([]);
      expect(video.stream.longestPauseUs).toBeLessThan(100_000);
      expect(audio.stream.longestPauseUs).toBeLessThan(60_000);
      expect(video.stream.recovery.skipped.length + audio.stream.recovery.skipped.length).toBe(0);
      expect(video.stream.decoder.undecodable).toBe(0);
    });
  });

  test("the source that was closed is succeeded by the one that waits", () => {
    const cluster = new SimCluster(71);
    const node = cluster.addNode();
    const [a, b] = [0, 1].map(() => cluster.addPublisher(node, CALL));
    const { consumer, stream } = cluster.watch(cluster.addViewer(node), a.video!);
    cluster.clock.runFor(1_000_000);
    consumer.replaceProducer(b.video!, cluster.clock.nowUs);
    node.engine.closeProducer(a.video!);
    node.settle();
    cluster.clock.runFor(1_000_000);
    expect(consumer.closed).toBe(false);
    expect(consumer.producer).toBe(b.video);
    expect(cluster.clock.nowUs - stream.lastFrameUs).toBeLessThan(60_000);
    expect(brokenInvariants(cluster, true)).toEqual([]);
  });

  test("a successor that goes away before its keyframe changes nothing", () => {
    const cluster = new SimCluster(72);
    const node = cluster.addNode();
    const [a, b] = [0, 1].map(() => cluster.addPublisher(node, CALL));
    const { consumer, stream } = cluster.watch(cluster.addViewer(node), a.video!);
    cluster.clock.runFor(1_000_000);
    b.publisher.stop();
    consumer.replaceProducer(b.video!, cluster.clock.nowUs);
    node.engine.closeProducer(b.video!);
    node.settle();
    cluster.clock.runFor(1_000_000);
    expect(consumer.closed).toBe(false);
    expect(consumer.producer).toBe(a.video);
    expect(stream.frames).toBeGreaterThan(55);
    expect(brokenInvariants(cluster, true)).toEqual([]);
  });
});

function restart(seed: number, sameSsrc: boolean): void {
  const cluster = new SimCluster(seed);
  const nodes = [cluster.addNode(), cluster.addNode()];
  const seat = cluster.addPublisher(nodes[0], CALL);
  const link = cluster.connect(nodes[0], nodes[1]);
  const videos = [seat.video!, cluster.relay(link, seat.video!).producer];
  const audios = [seat.audio!, cluster.relay(link, seat.audio!).producer];
  const streams = nodes.flatMap((node, i) => {
    const viewer = cluster.addViewer(node);
    const video = cluster.watch(viewer, videos[i]).stream;
    // Beyond the relay nobody knows of the restart: numbers go on, picture ids step at the keyframe.
    video.decoder.strictKeyframes = i === 0;
    return [video, cluster.watch(viewer, audios[i]).stream];
  });
  for (let i = 0; i < 5; i++) {
    cluster.clock.runFor(2_000_000);
    const senders = [seat.publisher.encodings[0].sender, seat.publisher.audio!];
    for (const sender of senders) {
      const ssrc = sameSsrc ? sender.params.ssrc : (cluster.random.nextUint32() | 1) >>> 0;
      sender.restart(cluster.random, ssrc);
    }
  }
  cluster.clock.runFor(2_000_000);
  expect(brokenInvariants(cluster, false)).toEqual([]);
  for (const stream of streams) {
    expect(cluster.clock.nowUs - stream.lastFrameUs).toBeLessThan(100_000);
    expect(stream.longestPauseUs).toBeLessThan(1_000_000);
  }
}
