import fc from "fast-check";
import { expect, test } from "vitest";
import { RateLimiter } from "./rate-limiter.ts";

test("a burst, then the rate, never more than the burst saved up", () => {
  const limiter = new RateLimiter(10, 3, 0);
  const take = (nowMs: number) => limiter.take(1, nowMs);
  expect([take(0), take(0), take(0), take(0)]).toEqual([true, true, true, false]);
  expect([take(99), take(100), take(150), take(200)]).toEqual([false, true, false, true]);
  expect([take(10_000), take(10_000), take(10_000), take(10_000)]).toEqual([true, true, true, false]);
});

test("over any time, no more than burst and rate allow; a clock that stands or goes back gives nothing", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -50, max: 500 }), { maxLength: 200 }), (steps) => {
      const limiter = new RateLimiter(20, 5, 0);
      let nowMs = 0;
      let latestMs = 0;
      let taken = 0;
      for (const step of steps) {
        nowMs = Math.max(0, nowMs + step);
        if (limiter.take(1, nowMs)) taken += 1;
        latestMs = Math.max(latestMs, nowMs);
      }
      expect(taken).toBeLessThanOrEqual(5 + (latestMs * 20) / 1000 + steps.filter((step) => step < 0).length * 2);
    }),
  );
});
