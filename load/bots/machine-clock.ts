import { MonotonicClock } from "@cation/media-io/monotonic-clock";
import { systemClock } from "@cation/service-kit/clock";
import type { Clock } from "@cation/service-kit/clock";

/**
 * The real time, its monotonic half the machine's (CLOCK_MONOTONIC): the same number in every process, so that what one bot
 * has stamped another can subtract from, and arrivals stamped by the kernel are on it too.
 */
export function createMachineClock(): Clock {
  const monotonic = new MonotonicClock();
  return { ...systemClock, monotonicMs: () => monotonic.nowUs() / 1_000 };
}
