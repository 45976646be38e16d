import type { MonoUs } from "@cation/rtp/units";

/**
 * The machine's monotonic clock (CLOCK_MONOTONIC on Linux) in whole microseconds: the same number on every thread and in
 * native code. performance.now() counts from the thread's start, so the difference is taken once.
 */
export class MonotonicClock {
  readonly #originUs: number;

  constructor() {
    const [seconds, nanoseconds] = process.hrtime();
    this.#originUs = seconds * 1e6 + nanoseconds / 1e3 - performance.now() * 1e3;
  }

  nowUs(): MonoUs {
    return Math.round(this.#originUs + performance.now() * 1e3) as MonoUs;
  }
}
