import { existsSync, readFileSync, readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { Fuzzer } from "./fuzzer.ts";
import { REFUSED } from "./fuzz-target.ts";
import type { FuzzTarget } from "./fuzz-target.ts";
import { fuzzTargets } from "./targets.ts";

const RUNS = 10_000;
const SEED = 20_260;
const targets = fuzzTargets();

function regressionsOf(target: FuzzTarget): Uint8Array[] {
  const folder = new URL(`regressions/${target.name}/`, import.meta.url);
  if (!existsSync(folder)) return [];
  return readdirSync(folder).map((file) => new Uint8Array(readFileSync(new URL(file, folder))));
}

describe.each(targets.map((target) => [target.name, target] as const))("%s", (_name, target) => {
  it("accepts its seeds", () => {
    expect(target.seeds.length).toBeGreaterThan(0);
    for (const seed of target.seeds) expect(new Fuzzer(target, SEED).replay(seed)).toBeUndefined();
    const accepted = target.seeds.filter((seed) => target.read(seed, 0, seed.length) !== REFUSED);
    expect(accepted.length).toBeGreaterThan(0);
  });

  it(`keeps its word on ${RUNS} mutations`, () => {
    const fuzzer = new Fuzzer(target, SEED);
    expect(fuzzer.feed(RUNS)).toBeUndefined();
    expect(fuzzer.runs).toBe(RUNS);
    expect(fuzzer.accepted).toBeGreaterThan(0);
  });

  it("keeps its word on what was found once", () => {
    for (const input of regressionsOf(target)) expect(new Fuzzer(target, SEED).replay(input)).toBeUndefined();
  });
});

describe("the fuzzer itself", () => {
  const leaky: FuzzTarget = {
    name: "leaky",
    seeds: [Uint8Array.of(1, 2, 3)],
    read: (bytes, offset, length) => 1 + bytes[offset + length],
  };
  const throwing: FuzzTarget = {
    name: "throwing",
    seeds: [Uint8Array.of(1, 2, 3, 4)],
    read: (bytes, offset, length) => {
      if (length > 0 && bytes[offset] === 0xff) throw new Error("boom");
      return REFUSED;
    },
  };

  it("notices a parser that reads past its input", () => {
    expect(String(new Fuzzer(leaky, 1).feed(10)?.error)).toContain("around the input");
  });

  it("gives the input that makes a parser throw, the same each time", () => {
    const finding = new Fuzzer(throwing, 5).feed(RUNS);
    expect(finding?.input[0]).toBe(0xff);
    expect(new Fuzzer(throwing, 5).feed(RUNS)).toEqual(finding);
    expect(new Fuzzer(throwing, 1).replay(finding?.input ?? new Uint8Array(0))).toBeDefined();
  });
});
