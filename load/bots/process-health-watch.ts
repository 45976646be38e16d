import { monitorEventLoopDelay, performance } from "node:perf_hooks";
import type { EventLoopUtilization } from "node:perf_hooks";
import type { ProcessHealth } from "./process-health.ts";

const WINDOW_MS = 2_000;
const DELAY_RESOLUTION_MS = 10;
/** A bot process beyond these measures itself rather than the cluster. */
const MAX_LOOP_UTILIZATION = 0.9;
const MAX_DELAY_P99_MS = 100;

/** Watches the process, window by window. */
export class ProcessHealthWatch {
  readonly #delay = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS });
  readonly #timer: NodeJS.Timeout;
  #cpu = process.cpuUsage();
  #utilization: EventLoopUtilization = performance.eventLoopUtilization();
  #startedAtMs = performance.now();
  #saturatedWindows = 0;
  #windows = 0;
  #last: Omit<ProcessHealth, "residentBytes"> | undefined;

  constructor() {
    this.#delay.enable();
    this.#timer = setInterval(() => this.#turn(), WINDOW_MS);
    this.#timer.unref();
  }

  read(): ProcessHealth {
    const last = this.#last ?? this.#measure();
    return { ...last, residentBytes: process.memoryUsage.rss() };
  }

  /** Forgets which windows were saturated: a new measurement begins. */
  reset(): void {
    this.#saturatedWindows = 0;
    this.#windows = 0;
    this.#turn();
    this.#saturatedWindows = 0;
    this.#windows = 0;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#delay.disable();
  }

  #turn(): void {
    const measured = this.#measure();
    this.#windows += 1;
    if (measured.saturated) this.#saturatedWindows += 1;
    this.#last = { ...measured, saturatedWindows: this.#saturatedWindows, windows: this.#windows };
    this.#cpu = process.cpuUsage();
    this.#utilization = performance.eventLoopUtilization();
    this.#startedAtMs = performance.now();
    this.#delay.reset();
  }

  #measure(): Omit<ProcessHealth, "residentBytes"> {
    const { user, system } = process.cpuUsage(this.#cpu);
    const elapsedMs = Math.max(performance.now() - this.#startedAtMs, 1);
    const { utilization } = performance.eventLoopUtilization(this.#utilization);
    // The histogram counts whole intervals between its own ticks.
    const late = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - DELAY_RESOLUTION_MS);
    const isEmpty = this.#delay.count === 0;
    const loopDelayP99Ms = isEmpty ? 0 : late(this.#delay.percentile(99));
    return {
      pid: process.pid,
      cpuPercent: Math.round((user + system) / elapsedMs / 10),
      loopUtilization: Math.round(utilization * 1_000) / 1_000,
      loopDelayP99Ms: Math.round(loopDelayP99Ms),
      loopDelayMaxMs: isEmpty ? 0 : Math.round(late(this.#delay.max)),
      saturated: utilization > MAX_LOOP_UTILIZATION || loopDelayP99Ms > MAX_DELAY_P99_MS,
      saturatedWindows: this.#saturatedWindows,
      windows: this.#windows,
    };
  }
}
