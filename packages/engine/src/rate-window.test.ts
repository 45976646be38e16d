import { expect, test } from "vitest";
import { RateWindow } from "./rate-window.ts";

test("measures bits a second over the last second", () => {
  const window = new RateWindow();
  expect(window.bps(0)).toBe(0);
  for (let ms = 0; ms < 3000; ms += 10) window.add(125, ms * 1000);
  expect(window.bps(2_995_000)).toBe(100_000);
  expect(window.bps(3_500_000)).toBeLessThan(60_000);
  expect(window.bps(10_000_000)).toBe(0);
});

test("does not underrate a stream that has just begun", () => {
  const window = new RateWindow();
  for (let ms = 0; ms < 200; ms += 10) window.add(125, 5_000_000 + ms * 1000);
  expect(window.bps(5_199_000)).toBe(100_000);
});
