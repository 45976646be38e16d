import { describe, expect, it } from "vitest";
import { LoadMeter } from "./node-load.ts";
import type { LoadTotals } from "./node-load.ts";

const CAPACITY = { maxParticipants: 100, maxPacketsPerSecond: 10_000, maxEgressBps: 8_000_000 };

function meterOf(perSecond: { packets: number; sentBytes: number; cpuUs: number }, loop = 0) {
  let seconds = 0;
  const readTotals = (): LoadTotals => ({
    packets: perSecond.packets * seconds,
    sentBytes: perSecond.sentBytes * seconds,
    cpuUs: perSecond.cpuUs * seconds,
  });
  const meter = new LoadMeter({ capacity: CAPACITY, cores: 2, readTotals, readLoopUtilization: () => loop }, 0);
  return (untilSecond: number) => {
    for (seconds += 1; seconds < untilSecond; seconds++) meter.measure(seconds * 1_000);
    return meter.measure(seconds * 1_000);
  };
}

describe("LoadMeter", () => {
  it("settles on the rates", () => {
    const load = meterOf({ packets: 1_000, sentBytes: 250_000, cpuUs: 500_000 })(20);
    expect(load.packetsPerSecond).toBeCloseTo(1_000, 0);
    expect(load.egressBps).toBeCloseTo(2_000_000, -3);
    expect(load.cpu).toBeCloseTo(0.25, 2);
  });

  it.each([
    ["CPU", { packets: 0, sentBytes: 0, cpuUs: 1_600_000 }, 0, 0.8],
    ["packets", { packets: 7_000, sentBytes: 0, cpuUs: 0 }, 0, 0.7],
    ["egress", { packets: 0, sentBytes: 600_000, cpuUs: 0 }, 0, 0.6],
    ["the deciding thread", { packets: 0, sentBytes: 0, cpuUs: 100_000 }, 0.9, 0.9],
    ["nothing beyond its limit", { packets: 90_000, sentBytes: 0, cpuUs: 0 }, 0, 1],
  ])("is stressed by %s", (_name, rates, loop, expected) => {
    expect(meterOf(rates, loop)(30).stress).toBeCloseTo(expected, 2);
  });

  it("does not jump with one burst", () => {
    let packets = 0;
    const meter = new LoadMeter(
      {
        capacity: CAPACITY,
        cores: 1,
        readTotals: () => ({ packets, sentBytes: 0, cpuUs: 0 }),
        readLoopUtilization: () => 0,
      },
      0,
    );
    packets = 10_000;
    expect(meter.measure(1_000).stress).toBeLessThan(0.5);
    expect(meter.measure(1_000)).toBe(meter.load);
  });
});
