import { describe, expect, test } from "vitest";
import { parseCapacityTrace, traceScenario } from "./capacity-trace.ts";
import { ClientRun } from "./client-run.ts";
import type { ClientSample } from "./client-run.ts";
import { brokenClientBounds } from "./client-scenario.ts";
import { CLIENT_SCENARIOS } from "./client-scenarios.ts";
import { drawRun } from "./run-page.ts";

const SEED = 1;

describe(`estimation, pacing and allocation on a real engine, seed ${SEED}`, { timeout: 600_000 }, () => {
  test.each(CLIENT_SCENARIOS)("$name keeps its bounds", (scenario) => {
    const run = new ClientRun(scenario, SEED);
    const result = run.run();
    console.log(JSON.stringify(result));
    expect(brokenClientBounds(result)).toEqual([]);
    expect(run.cluster.check()).toEqual([]);
  });

  test("a capacity trace is played and drawn", () => {
    const scenario = traceScenario(parseCapacityTrace("# ms bps loss delayMs\n0 1000000 0 20\n5000 300000 0.01 40\n"));
    const samples: ClientSample[] = [];
    new ClientRun(scenario, SEED, (sample) => samples.push(sample)).run();
    expect(samples.at(-1)?.timeMs).toBe(15_000);
    expect(samples.at(-1)?.capacityBps).toBe(300_000);
    const page = drawRun("a <trace>", samples);
    expect(page).toContain("a &lt;trace>");
    expect(page.match(/<polyline/g)).toHaveLength(5);
    expect(page).toContain("<rect");
  });

  test("a trace that is none says which line", () => {
    expect(() => parseCapacityTrace("0 1000000 0 20\nfast\n")).toThrow("line 2");
    expect(() => parseCapacityTrace("10 1000000\n5 1000000\n")).toThrow("line 2");
    expect(() => parseCapacityTrace("")).toThrow("no line");
  });
});
