import { describe, expect, test } from "vitest";
import { seedsFor, withSeed } from "../sim-run.ts";
import { BandwidthRun, brokenBounds, medianResult } from "./bandwidth-run.ts";
import { BANDWIDTH_SCENARIOS } from "./bandwidth-scenarios.ts";

const SEEDS = [1, 2, 3];
const FRESH = seedsFor([], 1);

describe(`bandwidth estimation, seeds ${SEEDS.join(" ")}, fresh ${FRESH.join(" ")}`, () => {
  test.each(BANDWIDTH_SCENARIOS)("$name: the median run keeps its bounds", (scenario) => {
    const results = SEEDS.map((seed) => new BandwidthRun(scenario, seed).run());
    const median = medianResult(results);
    console.log(JSON.stringify(median));
    expect(brokenBounds(median)).toEqual([]);
  });

  test.each(BANDWIDTH_SCENARIOS)("$name: no seed breaks it", (scenario) => {
    for (const seed of FRESH) {
      withSeed(seed, () => {
        const run = new BandwidthRun(scenario, seed);
        const result = run.run();
        expect(result.estimateRatio).toBeGreaterThan(0);
        expect(result.estimateRatio).toBeLessThan(1.1);
        for (const { estimator, pacer } of run.flows) {
          expect(estimator.state.inFlightBytes).toBeGreaterThanOrEqual(0);
          expect(estimator.state.feedback.unknown).toBe(0);
          expect(pacer.refused + pacer.aged).toBe(0);
        }
      });
    }
  });

  test("the same seed gives the same run", () => {
    const [scenario] = BANDWIDTH_SCENARIOS;
    expect(new BandwidthRun(scenario, 5).run()).toEqual(new BandwidthRun(scenario, 5).run());
  });
});
