import { describe, expect, test } from "vitest";
import { SimCluster } from "./sim-cluster.ts";
import { seedsFor, withSeed } from "./sim-run.ts";
import type { VideoShape } from "./video-source.ts";

const SMALL: VideoShape = { packetsPerKeyframe: 6, packetsPerFrame: 2, packetBytes: 200, temporalLayers: 1 };
const SEEDS = seedsFor([1, 2, 3], 2);
const CALL = { audio: true, video: [SMALL], framesPerSecond: 30, rtx: true, signalsSsrcs: true };

describe(`forwarding, seeds ${SEEDS.join(" ")}`, { timeout: 30_000 }, () => {
  test.each(SEEDS)("perfect network, seed %i: every frame decodes, nothing is asked for", (seed) => {
    withSeed(seed, () => {
      const cluster = new SimCluster(seed);
      const node = cluster.addNode();
      const seat = cluster.addPublisher(node, CALL);
      const viewers = Array.from({ length: 5 }, () => cluster.addViewer(node));
      const watched = viewers.map((viewer) => {
        const video = cluster.watch(viewer, seat.video!).stream;
        const audio = cluster.watch(viewer, seat.audio!).stream;
        video.checkClock((us) => seat.publisher.wallClockUs(us));
        audio.checkClock((us) => seat.publisher.wallClockUs(us));
        return { video, audio };
      });
      cluster.clock.runFor(10_000_000);
      expect(cluster.check()).toEqual([]);
      for (const { video, audio } of watched) {
        expect(video.frames).toBeGreaterThan(295);
        expect(audio.frames).toBeGreaterThan(495);
        expect(video.recovery.asked + audio.recovery.asked + video.plisSent).toBe(0);
        expect(video.decoder.undecodable + video.decoder.truncated).toBe(0);
        expect(video.reports).toBeGreaterThan(5);
        expect(video.clockErrorUs).toBeLessThan(1_000);
        expect(audio.clockErrorUs).toBeLessThan(1_000);
      }
      expect(seat.publisher.keyframeRequestsUs[0].length).toBeLessThanOrEqual(1);
      expect(seat.publisher.nacked).toBe(0);
    });
  });
});
