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
