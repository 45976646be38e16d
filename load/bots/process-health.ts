import { monitorEventLoopDelay, performance } from "node:perf_hooks";
import type { EventLoopUtilization } from "node:perf_hooks";

const WINDOW_MS = 2_000;
const DELAY_RESOLUTION_MS = 10;
/** A bot process beyond these measures itself rather than the cluster. */
const MAX_LOOP_UTILIZATION = 0.9;
const MAX_DELAY_P99_MS = 100;

/** How this process itself fares; of the last whole window of two seconds, where nothing else is said. */
export interface ProcessHealth {
  readonly pid: number;
  /** Of one core; all threads together. */
  readonly cpuPercent: number;
  /** Time in which the event loop had work to do, 0 … 1. */
  readonly loopUtilization: number;
  /** How late timers came. */
  readonly loopDelayP99Ms: number;
  readonly loopDelayMaxMs: number;
  readonly residentBytes: number;
  readonly saturated: boolean;
  /** Windows since the start that were. One is enough to void a measurement. */
  readonly saturatedWindows: number;
  readonly windows: number;
}

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
