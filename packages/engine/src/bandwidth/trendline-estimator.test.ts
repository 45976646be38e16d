import { describe, expect, test } from "vitest";
import { BandwidthUsage, TrendlineEstimator } from "./trendline-estimator.ts";

function feed(detector: TrendlineEstimator, groups: number, growthUs: number, startUs = 0): number {
  let arrivalUs = startUs;
  for (let i = 0; i < groups; i++) {
    arrivalUs += 10_000 + growthUs;
    detector.update(10_000 + growthUs, 10_000, arrivalUs);
  }
  return arrivalUs;
}

describe("TrendlineEstimator", () => {
  test("a steady delay is normal, a growing one overuse, a shrinking one underuse", () => {
    const detector = new TrendlineEstimator();
    const steadyUs = feed(detector, 100, 0);
    expect(detector.usage).toBe(BandwidthUsage.NORMAL);
    const grownUs = feed(detector, 20, 2_000, steadyUs);
    expect(detector.usage).toBe(BandwidthUsage.OVERUSING);
    feed(detector, 30, -2_000, grownUs);
    expect(detector.usage).toBe(BandwidthUsage.UNDERUSING);
  });

  test("starts anew without forgetting the path", () => {
    const detector = new TrendlineEstimator();
    feed(detector, 100, 2_000);
    detector.restart();
    expect(detector.usage).toBe(BandwidthUsage.NORMAL);
    expect(detector.modifiedTrend).toBe(0);
  });
});
