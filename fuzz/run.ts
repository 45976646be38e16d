/**
 * Fuzzes the parsers: `npm run fuzz -- --parser vp8 --runs 10000000 --seed 1`. Without --parser all of them, one after
 * another; without --seed one that is printed. An input on which a parser breaks its word is written to
 * fuzz/found/<parser>/, and the exit status is 1; once the parser is mended, move it to fuzz/regressions/<parser>/, where
 * the unit tests replay it.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { Fuzzer } from "./fuzzer.ts";
import type { Finding } from "./fuzzer.ts";
import type { FuzzTarget } from "./fuzz-target.ts";
import { fuzzTargets } from "./targets.ts";

const CHUNK = 20_000;
const PROGRESS_MS = 5000;
const DEFAULT_RUNS = 1_000_000;

interface Options {
  readonly parser: string | undefined;
  readonly runs: number;
  readonly seed: number;
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: { parser: { type: "string" }, runs: { type: "string" }, seed: { type: "string" } },
  });
  const runs = Number(values.runs ?? DEFAULT_RUNS);
  const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
  if (!Number.isInteger(runs) || runs < 1) throw new Error(`--runs ${values.runs}: a positive integer is wanted`);
  if (!Number.isInteger(seed)) throw new Error(`--seed ${values.seed}: an integer is wanted`);
  return { parser: values.parser, runs, seed };
}

/** Feeds one parser; false where something was found. */
function fuzz(target: FuzzTarget, options: Options): boolean {
  const fuzzer = new Fuzzer(target, options.seed);
  const startMs = performance.now();
  let progressMs = startMs;
  while (fuzzer.runs < options.runs) {
    const finding = fuzzer.feed(Math.min(CHUNK, options.runs - fuzzer.runs));
    if (finding !== undefined) {
      report(target, options, finding);
      return false;
    }
    if (performance.now() - progressMs > PROGRESS_MS) {
      progressMs = performance.now();
      console.log(`  ${summary(target, fuzzer, startMs)}`);
    }
  }
  console.log(summary(target, fuzzer, startMs));
  return true;
}

function summary(target: FuzzTarget, fuzzer: Fuzzer, startMs: number): string {
  const seconds = (performance.now() - startMs) / 1000;
  const rate = Math.round(fuzzer.runs / seconds).toLocaleString("en-US");
  const accepted = ((100 * fuzzer.accepted) / fuzzer.runs).toFixed(1);
  const runs = fuzzer.runs.toLocaleString("en-US");
  return `${target.name.padEnd(24)} ${runs.padStart(12)} inputs  ${rate.padStart(10)}/s  ${accepted.padStart(5)} % accepted`;
}

function report(target: FuzzTarget, options: Options, finding: Finding): void {
  const folder = new URL(`found/${target.name}/`, import.meta.url);
  mkdirSync(folder, { recursive: true });
  const file = new URL(`${options.seed}-${finding.run}.bin`, folder);
  writeFileSync(file, finding.input);
  console.error(`${target.name}: input ${finding.run} of seed ${options.seed}, written to ${file.pathname}`);
  console.error(finding.error);
}

const options = readOptions();
const targets = fuzzTargets().filter(({ name }) => options.parser === undefined || name === options.parser);
if (targets.length === 0) {
  const names = fuzzTargets().map(({ name }) => name);
  console.error(`--parser ${options.parser}: one of ${names.join(", ")} is wanted`);
  process.exit(2);
}
console.log(`seed ${options.seed}`);
let clean = true;
for (const target of targets) clean = fuzz(target, options) && clean;
process.exitCode = clean ? 0 : 1;
