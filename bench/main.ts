/** `npm run bench [-- NAME … --json --subscribers N --runs N --seconds N --backend auto|native|typescript]`. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { benchAudio } from "./src/bench-audio.ts";
import { benchBackends, benchThreads } from "./src/bench-backends.ts";
import { benchFanout } from "./src/bench-fanout.ts";
import { benchJoins } from "./src/bench-joins.ts";
import { benchMeeting } from "./src/bench-meeting.ts";
import { benchMemory } from "./src/bench-memory.ts";
import { benchRelay } from "./src/bench-relay.ts";
import { describeMachine } from "./src/machine.ts";
import { parseBenchOptions, type BenchOptions } from "./src/options.ts";
import { printTable } from "./src/table.ts";

type Bench = (options: BenchOptions) => Promise<object[]>;

const FANOUT_SIZES = [1, 10, 100, 500, 1000];

const BENCHES: Readonly<Record<string, Bench>> = {
  fanout: async (options) => {
    const results: object[] = [];
    for (const size of options.subscribers === undefined ? FANOUT_SIZES : [options.subscribers])
      results.push(await benchFanout(size, options));
    return results;
  },
  meeting: async (options) => [await benchMeeting(options)],
  audio: async (options) => [await benchAudio(options.subscribers ?? 1000, options)],
  backends: async (options) => [await benchBackends(options.subscribers ?? 100, options)],
  joins: (options) => benchJoins(options),
  memory: async (options) => [await benchMemory(options)],
  relay: (options) => benchRelay(options),
  threads: async (options) => [await benchThreads(options.subscribers ?? 500, options)],
};

const { names, options } = parseBenchOptions(process.argv.slice(2));
const unknown = names.find((name) => !(name in BENCHES));
if (unknown !== undefined) {
  console.error(`There is no bench ${unknown}. There are: ${Object.keys(BENCHES).join(", ")}.`);
  process.exit(2);
}
const machine = describeMachine();
const results: object[] = [];
for (const name of names.length === 0 ? Object.keys(BENCHES) : names) {
  const some = await BENCHES[name]!(options);
  results.push(...some);
  if (!options.json) printTable(name, some);
}
if (options.json) {
  for (const result of results) console.log(JSON.stringify(result));
} else {
  const folder = join(import.meta.dirname, "results");
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${machine.at.replaceAll(":", "-")}.json`);
  writeFileSync(file, `${JSON.stringify({ machine, results }, null, 2)}\n`);
  console.log(`Written to ${file}`);
}
