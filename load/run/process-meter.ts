import { readFileSync } from "node:fs";

/** CPU and memory of a process since the last look. */
export interface Usage {
  readonly atMs: number;
  /** Of one core. */
  readonly cpuPercent: number;
  readonly residentBytes: number;
}

/** Total CPU seconds and resident bytes now; undefined while the process is not there. */
export type UsageSource = () => Promise<{ readonly cpuSeconds: number; readonly residentBytes: number } | undefined>;

/** Clock ticks a second in /proc, and bytes of a page: fixed on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;
const PAGE_BYTES = 4_096;

/** Reads /proc: next to nothing, so that a look does not disturb what it looks at. */
export function procSource(pidOf: () => number | undefined): UsageSource {
  return async () => {
    const pid = pidOf();
    if (pid === undefined) return undefined;
    try {
      // proc(5): fields 14 and 15 behind the name, which may hold blanks.
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      const pages = Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]);
      return {
        cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
        residentBytes: pages * PAGE_BYTES,
      };
    } catch {
      return undefined;
    }
  };
}

/** Reads a node's /metrics. */
export function metricsSource(url: string): UsageSource {
  return async () => {
    const response = await fetch(url, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined);
    if (!response?.ok) return undefined;
    const text = await response.text();
    return {
      cpuSeconds: readMetric(text, "process_cpu_seconds_total"),
      residentBytes: readMetric(text, "process_resident_memory_bytes"),
    };
  };
}

function readMetric(text: string, name: string): number {
  const line = text.split("\n").find((one) => one.startsWith(`${name} `) || one.startsWith(`${name}{`));
  return line === undefined ? 0 : Number(line.slice(line.lastIndexOf(" ") + 1));
}

/** Looks at a process again and again. */
export class ProcessMeter {
  readonly usages: Usage[] = [];
  readonly #source: UsageSource;
  #last: { readonly atMs: number; readonly cpuSeconds: number } | undefined;

  constructor(source: UsageSource) {
    this.#source = source;
  }

  async look(): Promise<void> {
    const read = await this.#source();
    const atMs = Date.now();
    const last = this.#last;
    this.#last = read && { atMs, cpuSeconds: read.cpuSeconds };
    // A process that was started again counts from nought.
    if (!read || !last || read.cpuSeconds < last.cpuSeconds) return;
    const cpuPercent = ((read.cpuSeconds - last.cpuSeconds) * 100_000) / Math.max(atMs - last.atMs, 1);
    this.usages.push({ atMs, cpuPercent, residentBytes: read.residentBytes });
  }

  /** Mean over the looks between two instants; undefined without any. */
  meanCpuPercent(fromMs: number, toMs: number): number | undefined {
    const within = this.usages.filter(({ atMs }) => atMs >= fromMs && atMs <= toMs);
    if (within.length === 0) return undefined;
    return within.reduce((sum, { cpuPercent }) => sum + cpuPercent, 0) / within.length;
  }
}
