import { writeRemb } from "@cation/rtp/rtcp-remb";
import type { Ssrc } from "@cation/rtp/units";
import type { TransportEstimate } from "@cation/engine/bandwidth/transport-bandwidth";
import { expect, test } from "vitest";
import { SimCluster } from "../sim-cluster.ts";
import type { ViewerSeat } from "../sim-cluster.ts";
import { seedsFor, withSeed } from "../sim-run.ts";
import type { ViewerOptions } from "../sim-viewer.ts";

const SECOND_US = 1_000_000;
const CAPACITY_BPS = 800_000;
/** About 1.2 Mb/s. */
const VIDEO = { packetsPerKeyframe: 12, packetsPerFrame: 4, packetBytes: 1_200, temporalLayers: 1 };
const SEEDS = seedsFor([1, 2, 3], 1);

interface Watched {
  readonly cluster: SimCluster;
  readonly seat: ViewerSeat;
  readonly told: TransportEstimate[];
}

/** One viewer behind a link, and what the engine's owner hears of it. */
function watch(seed: number, rateBps: number, options?: ViewerOptions): Watched {
  const cluster = new SimCluster(seed);
  const told: TransportEstimate[] = [];
  const node = cluster.addNode({ handler: { onBandwidth: (_, estimate) => told.push(estimate) } });
  const publishing = { audio: false, video: [VIDEO], framesPerSecond: 30, rtx: true, signalsSsrcs: true };
  const { video } = cluster.addPublisher(node, publishing);
  const path = { up: { delayUs: 20_000 }, down: { delayUs: 20_000, rateBps, queueBytes: 60_000 } };
  const seat = cluster.addViewer(node, path, options);
  if (video !== undefined) cluster.watch(seat, video);
  return { cluster, seat, told };
}

test.each(SEEDS)("a link that is sent too much is never taken for a wider one, seed %i", (seed) => {
  withSeed(seed, () => {
    const { cluster, seat, told } = watch(seed, CAPACITY_BPS);
    cluster.clock.runFor(20 * SECOND_US);
    const estimate = told.at(-1)?.estimateBps ?? 0;
    expect(estimate).toBeGreaterThan(0.3 * CAPACITY_BPS);
    expect(estimate).toBeLessThan(1.05 * CAPACITY_BPS);
    const state = seat.node.engine.bandwidthState(seat.transport);
    expect(state?.feedback.unknown).toBe(0);
    expect(Math.abs((state?.estimateBps ?? 0) - estimate)).toBeLessThan(0.03 * estimate);
  });
});

test.each(SEEDS)("on a wide link the estimate rises to what can be tested, seed %i", (seed) => {
  withSeed(seed, () => {
    const { cluster, seat, told } = watch(seed, 20_000_000);
    seat.node.engine.setDemand(seat.transport, 1_500_000, cluster.clock.nowUs);
    cluster.clock.runFor(20 * SECOND_US);
    expect(told.at(-1)?.estimateBps).toBeGreaterThan(1_200_000);
  });
});

test("without transport-wide feedback REMB is followed, and loss in receiver reports lowers the rate", () => {
  const { cluster, seat, told } = watch(5, 20_000_000, { transportCc: false });
  const { engine } = seat.node;
  cluster.clock.runFor(SECOND_US / 2);
  const remb = new Uint8Array(24);
  const end = writeRemb(remb, 0, 1 as Ssrc, 1_600_000, [seat.viewer.streams[0].params.ssrc as Ssrc], 1);
  seat.up.send({ bytes: remb.slice(0, end) });
  cluster.clock.runFor(SECOND_US);
  expect(told.at(-1)?.estimateBps).toBeGreaterThan(1_500_000);
  expect(told.at(-1)?.estimateBps).toBeLessThanOrEqual(1_600_000);
  cluster.clock.runFor(5 * SECOND_US);
  expect(engine.bandwidthState(seat.transport)?.limitedBy).toBe("receiver");
  const before = engine.bandwidthState(seat.transport)?.estimateBps ?? 0;
  seat.down.configure({ loss: 0.4 });
  cluster.clock.runFor(8 * SECOND_US);
  expect(engine.bandwidthState(seat.transport)?.estimateBps).toBeLessThan(0.8 * before);
});

test("a relay has no estimate", () => {
  const cluster = new SimCluster(3);
  const [from, to] = [cluster.addNode(), cluster.addNode()];
  const publishing = { audio: true, video: [VIDEO], framesPerSecond: 30, rtx: true, signalsSsrcs: true };
  const { video } = cluster.addPublisher(from, publishing);
  const link = cluster.connect(from, to);
  if (video !== undefined) cluster.relay(link, video);
  cluster.clock.runFor(SECOND_US);
  expect(from.engine.bandwidthState(link.fromTransport)).toBeUndefined();
});
