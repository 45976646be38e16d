import { describe, expect, test } from "vitest";
import { brokenInvariants } from "./invariants.ts";
import { SimCluster } from "./sim-cluster.ts";
import type { WatchedTrack } from "./sim-cluster.ts";
import { SvcSource } from "./svc-source.ts";
import type { SvcShape } from "./svc-source.ts";
import type { VideoShape } from "./video-source.ts";

const SMALL: VideoShape = { packetsPerKeyframe: 2, packetsPerFrame: 1, packetBytes: 150, temporalLayers: 1 };
const LARGE: VideoShape = { packetsPerKeyframe: 6, packetsPerFrame: 3, packetBytes: 250, temporalLayers: 1 };
const KEY_SVC: SvcShape = {
  codec: "VP9",
  spatialLayers: 3,
  temporalLayers: 3,
  keyOnly: true,
  flexible: true,
  linkedTop: false,
  packetBytes: 200,
};

function callOf(video: readonly (VideoShape | SvcShape)[], framesPerSecond: number) {
  return { audio: false, video, framesPerSecond, rtx: true, signalsSsrcs: false };
}

/** Runs until the viewer sees that layer, and says how long it took; −1 after five seconds. */
function untilSeen(cluster: SimCluster, { stream }: WatchedTrack, layer: number): number {
  const startUs = cluster.clock.nowUs;
  while (cluster.clock.nowUs - startUs < 5_000_000) {
    cluster.clock.runFor(10_000);
    if (stream.decoder.lastDecoded?.truth.encoding === layer) return cluster.clock.nowUs - startUs;
  }
  return -1;
}

describe("a top layer that stops while others go on", () => {
  test("simulcast of a camera: the next lower one is there after some 0.6 s, and the top one again when it is back", () => {
    const cluster = new SimCluster(51);
    const node = cluster.addNode();
    const seat = cluster.addPublisher(node, callOf([SMALL, LARGE], 30));
    const watched = cluster.watch(cluster.addViewer(node), seat.video!);
    cluster.clock.runFor(3_000_000);
    expect(watched.stream.decoder.lastDecoded?.truth.encoding).toBe(1);
    const [, high] = seat.publisher.encodings;
    high.paused = true;
    const tookUs = untilSeen(cluster, watched, 0);
    expect(tookUs).toBeGreaterThan(450_000);
    expect(tookUs).toBeLessThan(800_000);
    high.paused = false;
    expect(untilSeen(cluster, watched, 1)).toBeLessThan(700_000);
    expect(brokenInvariants(cluster, true)).toEqual([]);
  });

  test("a screen with two frames a second: found later, but found", () => {
    const cluster = new SimCluster(52);
    const node = cluster.addNode();
    const seat = cluster.addPublisher(node, callOf([SMALL, LARGE], 2));
    const watched = cluster.watch(cluster.addViewer(node), seat.video!);
    cluster.clock.runFor(6_000_000);
    expect(watched.stream.decoder.lastDecoded?.truth.encoding).toBe(1);
    seat.publisher.encodings[1].paused = true;
    const tookUs = untilSeen(cluster, watched, 0);
    expect(tookUs).toBeGreaterThan(1_400_000);
    expect(tookUs).toBeLessThan(3_500_000);
  });

  test.each([
    ["VP9 k-SVC", KEY_SVC, 1_000_000],
    // Its descriptor says at once which decode targets are left.
    ["AV1 k-SVC", { ...KEY_SVC, codec: "AV1", spatialLayers: 2 }, 300_000],
  ] as const)("%s: the layer below is asked for and goes on; the top one comes back", (_, shape, withinUs) => {
    const cluster = new SimCluster(53);
    const node = cluster.addNode();
    const seat = cluster.addPublisher(node, callOf([shape], 30));
    const watched = cluster.watch(cluster.addViewer(node), seat.video!);
    cluster.clock.runFor(3_000_000);
    const top = shape.spatialLayers - 1;
    expect(watched.stream.decoder.lastDecoded?.truth.encoding).toBe(top);
    const { source } = seat.publisher.encodings[0];
    if (!(source instanceof SvcSource)) throw new Error("not layered");
    source.spatialLayers = top;
    const tookUs = untilSeen(cluster, watched, top - 1);
    expect(tookUs).toBeGreaterThan(0);
    expect(tookUs).toBeLessThan(withinUs);
    source.spatialLayers = top + 1;
    source.requestKeyframe();
    expect(untilSeen(cluster, watched, top)).toBeGreaterThan(0);
    expect(watched.stream.decoder.undecodable).toBe(0);
  });
});

test("a screen that rests for three seconds is not taken for stalled: no switch, no keyframe request", () => {
  const cluster = new SimCluster(54);
  const node = cluster.addNode();
  const seat = cluster.addPublisher(node, callOf([SMALL, LARGE], 5));
  const watched = cluster.watch(cluster.addViewer(node), seat.video!);
  cluster.clock.runFor(4_000_000);
  const before = watched.consumer.stats()[0].switches;
  const requests = seat.publisher.keyframeRequestsUs.flat().length;
  for (const encoding of seat.publisher.encodings) encoding.paused = true;
  cluster.clock.runFor(3_000_000);
  for (const encoding of seat.publisher.encodings) encoding.paused = false;
  cluster.clock.runFor(2_000_000);
  expect(watched.consumer.stats()[0].switches).toBe(before);
  expect(seat.publisher.keyframeRequestsUs.flat()).toHaveLength(requests);
  expect(watched.stream.decoder.lastDecoded?.truth.encoding).toBe(1);
  expect(brokenInvariants(cluster, true)).toEqual([]);
});
