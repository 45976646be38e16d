import fc from "fast-check";
import { expect, it } from "vitest";
import { backoffDelayMs } from "./backoff.ts";

const OPTIONS = { baseMs: 400, maxMs: 5_000 };

it("begins at once, grows, and stays within its bounds", () => {
  expect([0, 1, 2, 3, 4, 5, 99].map((attempt) => backoffDelayMs(attempt, OPTIONS, () => 1))).toEqual([
    0, 400, 800, 1_600, 3_200, 5_000, 5_000,
  ]);
  fc.assert(
    fc.property(fc.nat(1_000), fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), (attempt, random) => {
      const delayMs = backoffDelayMs(attempt, OPTIONS, () => random);
      expect(delayMs).toBeLessThanOrEqual(OPTIONS.maxMs);
      if (attempt > 0) expect(delayMs).toBeGreaterThanOrEqual(OPTIONS.baseMs / 2);
    }),
  );
});
