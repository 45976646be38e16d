/**
 * `npm run sim:scale [-- --viewers 100,1000,10000,100000] [--publishers 5] [--seed 1] [--json] [--write]`: one room of so many
 * viewers on the real islb and simulated nodes. --write puts the table into docs/scale.md.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { isMain } from "./is-main.ts";
import { ScaleModel } from "./scale/scale-model.ts";
import { scaleTable } from "./scale/scale-table.ts";

const PAGE = join(import.meta.dirname, "../docs/scale.md");
const START = "<!-- table -->";
const END = "<!-- end -->";

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      viewers: { type: "string", default: "100,1000,10000,100000" },
      publishers: { type: "string", default: "5" },
      seed: { type: "string", default: "1" },
      json: { type: "boolean", default: false },
      write: { type: "boolean", default: false },
    },
  });
  const results = [];
  for (const viewers of values.viewers.split(",").map(Number)) {
    const model = new ScaleModel({ viewers, publishers: Number(values.publishers), seed: Number(values.seed) });
    const result = await model.run();
    results.push(result);
    if (values.json) console.log(JSON.stringify(result));
  }
  const table = scaleTable(results);
  if (!values.json) console.log(table);
  if (!values.write) return;
  const page = readFileSync(PAGE, "utf8");
  const [before] = page.split(START);
  const [, after] = page.split(END);
  writeFileSync(PAGE, `${before}${START}\n\n${table}\n\n${END}${after}`);
}

if (isMain(import.meta.url)) await main();
