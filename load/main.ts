/** `npm run load -- SCENARIO`: a cluster, bots, k6, and a report of what they saw. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { LoadRun } from "./run/load-run.ts";
import { readRunOptions, SCENARIOS } from "./run/run-options.ts";

async function main(): Promise<void> {
  const options = readRunOptions(process.argv.slice(2));
  const stamp = new Date().toISOString().slice(0, 19).replaceAll(":", "-");
  const folder = options.reportFolder ?? join(import.meta.dirname, "results", `${stamp}-${options.scenario}`);
  mkdirSync(folder, { recursive: true });
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const run = new LoadRun(options, folder, options.json ? () => undefined : say);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => run.abort());
  const result = await run.run();
  say(`\n${options.scenario} (${SCENARIOS[options.scenario].about}): ${result.report}`);
  if (result.botsSaturated) say("VOID: a process of bots was saturated; the figures say nothing of the cluster.");
  process.stdout.write(`${JSON.stringify(result)}\n`);
  process.exit(result.thresholdsPassed ? 0 : 1);
}

await main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(2);
});
