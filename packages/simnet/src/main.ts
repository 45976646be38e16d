/** `npm run sim -- NAME …`: simulations by hand. The only file here that reads arguments and files. */
import { readFile, writeFile } from "node:fs/promises";
import { argv, exit } from "node:process";
import { parseArgs } from "node:util";
import { ClientRun } from "./bandwidth/client-run.ts";
import type { ClientSample } from "./bandwidth/client-run.ts";
import { brokenClientBounds } from "./bandwidth/client-scenario.ts";
import type { ClientResult, ClientScenario } from "./bandwidth/client-scenario.ts";
import { CLIENT_SCENARIOS } from "./bandwidth/client-scenarios.ts";
import { parseCapacityTrace, traceScenario } from "./bandwidth/capacity-trace.ts";
import { drawRun } from "./bandwidth/run-page.ts";

const USAGE = `npm run sim -- bwe [--json] [--scenario NAME] [--seeds 1,2,3] [--trace FILE] [--out PAGE.html]

  --json      the last line is an array of results
  --scenario  only this one: ${CLIENT_SCENARIOS.map(({ name }) => name).join(", ")}
  --seeds     default 1,2,3
  --trace     plays a capacity trace instead: lines of "ms bps loss delayMs"
  --out       draws the last run (estimate, capacity, queue, layers) as a page; default for a trace: FILE.html`;

const { values, positionals } = parseArgs({
  args: argv.slice(2),
  allowPositionals: true,
  options: {
    json: { type: "boolean", default: false },
    scenario: { type: "string" },
    seeds: { type: "string", default: "1,2,3" },
    trace: { type: "string" },
    out: { type: "string" },
    help: { type: "boolean", default: false },
  },
});

if (values.help || positionals[0] !== "bwe") {
  console.log(USAGE);
  exit(values.help ? 0 : 2);
}

const scenarios = await chosenScenarios();
const seeds = values.seeds.split(",").map(Number);
const results: ClientResult[] = [];
const lastRun: { samples: ClientSample[] } = { samples: [] };
for (const scenario of scenarios) {
  for (const seed of seeds) {
    const samples: ClientSample[] = [];
    lastRun.samples = samples;
    const result = new ClientRun(scenario, seed, (sample) => samples.push(sample)).run();
    results.push(result);
    const broken = brokenClientBounds(result).join(", ");
    console.log(`${result.ok ? "ok  " : "MISS"} ${describe(result)}${broken === "" ? "" : `   ${broken}`}`);
  }
}
const page = values.out ?? (values.trace === undefined ? undefined : `${values.trace}.html`);
if (page !== undefined) {
  await writeFile(page, drawRun(`${scenarios.at(-1)?.name}, seed ${seeds.at(-1)}`, lastRun.samples));
  console.log(`drawn: ${page}`);
}
if (values.json) console.log(JSON.stringify(results));

async function chosenScenarios(): Promise<readonly ClientScenario[]> {
  if (values.trace !== undefined) return [traceScenario(parseCapacityTrace(await readFile(values.trace, "utf8")))];
  if (values.scenario === undefined) return CLIENT_SCENARIOS;
  const chosen = CLIENT_SCENARIOS.filter(({ name }) => name === values.scenario);
  if (chosen.length > 0) return chosen;
  console.error(USAGE);
  exit(2);
}

function describe(result: ClientResult): string {
  return [
    result.scenario.padEnd(24),
    `seed ${result.seed}`.padEnd(8),
    `estimate ${result.estimateRatio.toFixed(2)}`,
    `utilisation ${result.utilisation.toFixed(2)}`,
    `queue ${result.queueP95Ms.toFixed(0)} ms`,
    `down ${result.downMs} ms`,
    `up ${result.upMs} ms`,
    `switches ${result.switchesPerMin.toFixed(1)}/min`,
    `undecodable ${result.undecodableFrames}`,
    `unfairness ${result.unfairness.toFixed(2)}`,
  ].join("  ");
}
