import type { MonoUs } from "@cation/rtp/units";

/** Readings of which the one with the least time in between counts. */
const SAMPLES = 8;

/**
 * The machine's monotonic clock (CLOCK_MONOTONIC on Linux) in whole microseconds: the same number on every thread and in
 * native code. performance.now() counts from the thread's start, so the difference is taken once.
 */
export class MonotonicClock {
  readonly #originUs = measureOriginUs();

  nowUs(): MonoUs {
    return Math.round(this.#originUs + performance.now() * 1e3) as MonoUs;
  }
}

/** Where performance.now() is 0 on the monotonic clock. The first reading loads code and would be a millisecond off. */
function measureOriginUs(): number {
  let originUs = 0;
  let leastGapMs = Infinity;
  for (let sample = 0; sample < SAMPLES; sample++) {
    const beforeMs = performance.now();
    const [seconds, nanoseconds] = process.hrtime();
    const gapMs = performance.now() - beforeMs;
    if (gapMs >= leastGapMs) continue;
    leastGapMs = gapMs;
    originUs = seconds * 1e6 + nanoseconds / 1e3 - (beforeMs + gapMs / 2) * 1e3;
  }
  return originUs;
}
