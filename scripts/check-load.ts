/**
 * `npm run check:load`: every k6 scenario that fits into seconds, small, against a cluster of its own: that the scripts
 * run, the bots answer and k6 gets their samples. Says nothing of speed: machines of checks are busy.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureK6 } from "./k6-tool.ts";

/** Figures that must be right on any machine: metric, statistic, value. */
type Expectation = readonly [metric: string, statistic: string, value: number];

const RUNS: readonly { readonly args: readonly string[]; readonly expect: readonly Expectation[] }[] = [
  {
    args: ["lecture", "--viewers", "8", "--seconds", "4"],
    expect: [
      ["bot_joins{group:viewers}", "count", 8],
      ["bot_first_frames{group:viewers}", "count", 8],
      ["bot_join_failures", "count", 0],
    ],
  },
  {
    args: ["signalling", "--viewers", "10", "--joins-per-second", "5", "--seconds", "2"],
    expect: [["signal_errors", "count", 0]],
  },
  { args: ["api", "--seconds", "2"], expect: [["api_failures", "count", 0]] },
];

const MAIN = join(import.meta.dirname, "../load/main.ts");

function run(args: readonly string[], expected: readonly Expectation[]): string[] {
  const folder = mkdtempSync(join(tmpdir(), "cation-load-"));
  try {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [MAIN, ...args, ...CLUSTER, "--report", folder, "--json"],
      {
        encoding: "utf8",
        timeout: 120_000,
      },
    );
    // 1: a threshold was missed, which a busy machine may be the reason for.
    if (status !== 0 && status !== 1) return [`ended with ${status ?? "a timeout"}:\n${stdout}${stderr}`];
    const summary = JSON.parse(readFileSync(join(folder, "k6-summary.json"), "utf8")) as {
      metrics: Record<string, Record<string, number> | undefined>;
    };
    return expected
      .map(([metric, statistic, value]) => [metric, summary.metrics[metric]?.[statistic], value] as const)
      .filter(([, seen, value]) => seen !== value)
      .map(([metric, seen, value]) => `${metric} is ${seen}, not ${value}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function hasK6(): boolean {
  try {
    ensureK6(process.env, (line) => console.log(line));
    return true;
  } catch (error) {
    // Types and unit tests have seen the scripts; to run them takes a tool that this machine cannot have.
    console.log(`Not run: ${error instanceof Error ? error.message : String(error)}`);
    return false;
  }
}

/** Small, so that the cluster is up soon. */
const CLUSTER = ["--islbs", "1"];

for (const { args, expect } of hasK6() ? RUNS : []) {
  const problems = run(args, expect);
  console.log(
    `${problems.length === 0 ? "✓" : "✗"} ${args.join(" ")}${problems.map((one) => `\n    ${one}`).join("")}`,
  );
  if (problems.length > 0) process.exitCode = 1;
}
