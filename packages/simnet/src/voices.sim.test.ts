import { describe, expect, test } from "vitest";
import { brokenInvariants } from "./invariants.ts";
import { SimCluster } from "./sim-cluster.ts";
import { seedsFor, withSeed } from "./sim-run.ts";

const MICROPHONE = { audio: true, video: [], framesPerSecond: 30, rtx: false, signalsSsrcs: true };
const SEEDS = seedsFor([61, 62, 63], 3);
/** Opus at 48 kHz in packets of 20 ms. */
const TICKS_PER_US = 48_000 / 1_000_000;

describe(`one line of sound for many voices, seeds ${SEEDS.join(" ")}`, { timeout: 30_000 }, () => {
  test.each(SEEDS)("switched at random, seed %i: numbers have no gap, timestamps run with the time", (seed) => {
    withSeed(seed, () => {
      const cluster = new SimCluster(seed);
      const node = cluster.addNode();
      const voices = Array.from({ length: 8 }, () => cluster.addPublisher(node, MICROPHONE).audio!);
      const seat = cluster.addViewer(node);
      const line = cluster.watch(seat, voices[0]);
      const random = cluster.random.fork();
      const arrivals: { number: number; timestamp: number; atUs: number }[] = [];
      line.stream.onPacket = (number, timestamp) => arrivals.push({ number, timestamp, atUs: cluster.clock.nowUs });
      for (let i = 0; i < 60; i++) {
        const voice = voices[random.nextBelow(voices.length)];
        line.consumer.replaceProducer(voice, cluster.clock.nowUs, voice !== voices[0]);
        node.settle();
        cluster.clock.runFor(100_000 + random.nextBelow(400_000));
      }
      expect(brokenInvariants(cluster, true)).toEqual([]);
      expect(line.stream.recovery.skipped).toEqual([]);
      expect(arrivals.length).toBeGreaterThan(700);
      const [first] = arrivals;
      for (const [i, { number, timestamp, atUs }] of arrivals.entries()) {
        expect(number).toBe((first.number + i) & 0xffff);
        const elapsedTicks = (timestamp - first.timestamp) | 0;
        // No click: never more than one packet beside the time that has passed.
        expect(Math.abs(elapsedTicks - (atUs - first.atUs) * TICKS_PER_US)).toBeLessThan(960 + 48);
      }
    });
  });

  test("reports of a borrowed line go on by the clock of the first voice", () => {
    const cluster = new SimCluster(7);
    const node = cluster.addNode();
    const [first, second] = [cluster.addPublisher(node, MICROPHONE), cluster.addPublisher(node, MICROPHONE)];
    // Their clocks are minutes apart.
    expect(Math.abs(first.publisher.clockOffsetUs - second.publisher.clockOffsetUs)).toBeGreaterThan(1_000_000);
    const line = cluster.watch(cluster.addViewer(node), first.audio!);
    cluster.clock.runFor(4_000_000);
    const read = () => ({ ntp: line.stream.lastReportNtp, atUs: line.stream.lastReportUs });
    const before = read();
    line.consumer.replaceProducer(second.audio!, cluster.clock.nowUs, true);
    node.settle();
    cluster.clock.runFor(5_000_000);
    const after = read();
    expect(after.atUs).toBeGreaterThan(before.atUs + 2_000_000);
    const reportedUs = (((after.ntp - before.ntp) | 0) / 0x1_0000) * 1_000_000;
    expect(Math.abs(reportedUs - (after.atUs - before.atUs))).toBeLessThan(20_000);
  });
});
