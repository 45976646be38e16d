import type { ClientScenario } from "./client-scenario.ts";

/** From this time on the link is like this. */
export interface TraceLine {
  readonly atMs: number;
  readonly rateBps: number;
  /** 0 … 1. */
  readonly loss: number;
  readonly delayMs: number;
}

const MAX_LINES = 1_000_000;

/**
 * Reads a capacity trace: lines of "ms bps loss delayMs", times rising, separated by blanks, tabs or commas; empty lines and those that
 * begin with # are left out. Throws, with the number of the line, where one is something else.
 */
export function parseCapacityTrace(text: string): TraceLine[] {
  const lines: TraceLine[] = [];
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    const content = line.trim();
    if (content === "" || content.startsWith("#")) continue;
    const [atMs, rateBps, loss = 0, delayMs = 20] = content.split(/[\s,;]+/).map(Number);
    const sound =
      atMs >= (lines.at(-1)?.atMs ?? 0) &&
      rateBps > 0 &&
      loss >= 0 &&
      loss <= 1 &&
      delayMs >= 0 &&
      lines.length < MAX_LINES;
    if (!sound) throw new Error(`line ${i + 1} is not "ms bps loss delayMs" with rising times: ${content}`);
    lines.push({ atMs, rateBps, loss, delayMs });
  }
  if (lines.length === 0) throw new Error("the trace has no line");
  return lines;
}

/** A scenario that plays the trace, and 10 s more with its last line. */
export function traceScenario(trace: readonly TraceLine[]): ClientScenario {
  const link = ({ rateBps, loss, delayMs }: TraceLine) => ({ rateBps, loss, delayUs: delayMs * 1_000 });
  return {
    name: "trace",
    durationMs: trace[trace.length - 1].atMs + 10_000,
    link: { ...link(trace[0]), queueBytes: 150_000 },
    steps: trace.slice(1).map((line) => ({ atMs: line.atMs, link: link(line) })),
    bounds: {},
  };
}
