import { describe, expect, it } from "vitest";
import { MonotonicClock } from "./monotonic-clock.ts";

describe("MonotonicClock", () => {
  it("reads the machine's monotonic clock, from its first reading on", () => {
    const clock = new MonotonicClock();
    for (let i = 0; i < 100; i++) {
      const beforeUs = hrtimeUs();
      const nowUs = clock.nowUs();
      const afterUs = hrtimeUs();
      expect(nowUs).toBeGreaterThan(beforeUs - 50);
      expect(nowUs).toBeLessThan(afterUs + 50);
      expect(Number.isInteger(nowUs)).toBe(true);
    }
  });
});

function hrtimeUs(): number {
  return Number(process.hrtime.bigint()) / 1e3;
}
