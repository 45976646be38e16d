import { parseArgs } from "node:util";
import type { MediaIoBackend } from "@cation/media-io/open-media-io";

/** What the command line may say to every bench. */
export interface BenchOptions {
  /** Print nothing but the result as one JSON line. */
  readonly json: boolean;
  readonly backend: MediaIoBackend;
  readonly subscribers: number | undefined;
  /** Interleaved runs whose medians are reported. */
  readonly runs: number;
  /** Length of one run. */
  readonly seconds: number;
}

export function parseBenchOptions(args: readonly string[]): { names: string[]; options: BenchOptions } {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      json: { type: "boolean", default: false },
      backend: { type: "string", default: "auto" },
      subscribers: { type: "string" },
      runs: { type: "string", default: "5" },
      seconds: { type: "string", default: "3" },
    },
  });
  const { backend } = values;
  if (backend !== "auto" && backend !== "native" && backend !== "typescript")
    throw new Error(`--backend ${backend}: must be auto, native or typescript`);
  return {
    names: positionals,
    options: {
      json: values.json,
      backend,
      subscribers: values.subscribers === undefined ? undefined : wholeNumber("--subscribers", values.subscribers),
      runs: wholeNumber("--runs", values.runs),
      seconds: wholeNumber("--seconds", values.seconds),
    },
  };
}

function wholeNumber(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`${option} ${text}: must be a whole number from 1`);
  return value;
}

/** One line of progress, kept off standard output so that scripts read results alone. */
export function progress(text: string): void {
  process.stderr.write(`${text}\n`);
}
