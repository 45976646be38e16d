import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readRunOptions, SCENARIOS } from "./run-options.ts";

describe("the command line of a run", () => {
  it("has a script for each scenario, and a scenario for each script", () => {
    const scripts = readdirSync(join(import.meta.dirname, "../k6")).filter((name) => name.endsWith(".ts"));
    expect(scripts.map((name) => name.replace(".ts", "")).sort()).toEqual(Object.keys(SCENARIOS).sort());
  });

  it("takes what is said, and the scenario's own figures else", () => {
    const options = readRunOptions(["lecture", "--viewers", "500", "--nodes", "3", "--fault", "kill:sfu-2@12.5"]);
    expect(options).toMatchObject({
      scenario: "lecture",
      viewers: 500,
      nodes: 3,
      joinsPerSecond: 25,
      bitrateKbps: 300,
    });
    expect(options.faults).toEqual([{ what: "kill", process: "sfu-2", atSeconds: 12.5 }]);
    expect(options.botProcesses).toBe(1);
    expect(readRunOptions(["lecture", "--viewers", "2500"]).botProcesses).toBe(3);
  });

  it("plans the restart of each node, unless somebody else's cluster is loaded", () => {
    const planned = readRunOptions(["rolling-restart", "--nodes", "3"]).faults;
    expect(planned.map(({ what, process }) => [what, process])).toEqual([
      ["restart", "sfu-1"],
      ["restart", "sfu-2"],
      ["restart", "sfu-3"],
    ]);
    expect(planned[2].atSeconds).toBeLessThan(50 / 25 + SCENARIOS["rolling-restart"].seconds);
    expect(readRunOptions(["rolling-restart", "--target", "http://a"]).faults).toEqual([]);
  });

  it.each([
    [["karaoke"], /"karaoke" is none/],
    [[], /No scenario/],
    [["lecture", "--viewers", "many"], /--viewers many/],
    [["lecture", "--placement", "here"], /--placement here/],
    [["lecture", "--fault", "tickle:sfu-1@3"], /--fault tickle/],
    [["lecture", "--fault", "kill:sfu-1"], /--fault kill:sfu-1 is not/],
    [["lecture", "--target", "http://a", "--fault", "kill:sfu-1@3"], /needs the local cluster/],
    [["lecture", "--metrics", "nowhere"], /--metrics nowhere/],
  ])("refuses %j", (argv, why) => {
    expect(() => readRunOptions(argv)).toThrow(why);
  });
});
