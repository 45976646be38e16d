import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parentDeathPrefix } from "../../scripts/supervised-process.ts";

/** k6's status when thresholds were crossed. */
const THRESHOLDS_CROSSED = 99;

/** A threshold of a scenario, and how it came out. */
export interface Threshold {
  readonly metric: string;
  readonly condition: string;
  readonly passed: boolean;
}

/** The end of a run, as k6 sums it up. */
export interface K6Summary {
  readonly passed: boolean;
  readonly thresholds: readonly Threshold[];
  /** Statistics by metric: "p(95)", "count", "value" … */
  readonly metrics: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** What k6 printed. */
  readonly text: string;
}

export interface K6RunOptions {
  readonly k6: string;
  readonly scenario: string;
  readonly env: Readonly<Record<string, string>>;
  readonly summaryFile: string;
  readonly onLine: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Runs a scenario. Rejects where k6 could not run it to the end. */
export async function runK6({ k6, scenario, env, summaryFile, onLine, signal }: K6RunOptions): Promise<K6Summary> {
  const script = join(import.meta.dirname, "../k6", `${scenario}.ts`);
  const [program = k6, ...args] = [
    ...parentDeathPrefix(),
    k6,
    ...["run", "--no-color", "--quiet", "--no-usage-report", "--summary-export", summaryFile, script],
  ];
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  const stop = (): void => void child.kill("SIGINT");
  signal.addEventListener("abort", stop, { once: true });
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (line) => {
      lines.push(line);
      onLine(line);
    });
  }
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  signal.removeEventListener("abort", stop);
  if (status !== 0 && status !== THRESHOLDS_CROSSED) {
    throw new Error([`k6 ended with status ${status}:`, ...lines.slice(-20)].join("\n"));
  }
  return { passed: status === 0, ...readSummary(summaryFile), text: lines.join("\n").trim() };
}

interface ExportedMetric extends Record<string, unknown> {
  /** Condition → whether it was crossed. */
  readonly thresholds?: Readonly<Record<string, boolean>>;
}

function readSummary(file: string): Pick<K6Summary, "metrics" | "thresholds"> {
  const { metrics } = JSON.parse(readFileSync(file, "utf8")) as { metrics: Record<string, ExportedMetric> };
  const thresholds = Object.entries(metrics).flatMap(([metric, { thresholds: own }]) =>
    Object.entries(own ?? {}).map(([condition, crossed]) => ({ metric, condition, passed: !crossed })),
  );
  const numbers = Object.entries(metrics).map(([name, statistics]) => {
    const given = Object.entries(statistics).filter((one): one is [string, number] => typeof one[1] === "number");
    return [name, Object.fromEntries(given)] as const;
  });
  return { thresholds, metrics: Object.fromEntries(numbers) };
}
