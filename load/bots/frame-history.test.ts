import { expect, it } from "vitest";
import { FrameHistory } from "./frame-history.ts";

it("finds the longest gap within a window, what leads into it and out of it included", () => {
  const history = new FrameHistory();
  for (const time of [100, 150, 200, 700, 750, 1_000]) history.note(time);
  expect(history.gapBetween(120, 800)).toEqual({ longestMs: 500, frames: 4, covered: true });
  expect(history.gapBetween(400, 760)).toEqual({ longestMs: 500, frames: 2, covered: true });
  expect(history.gapBetween(990, 3_000)).toEqual({ longestMs: 2_000, frames: 1, covered: true });
  expect(history.gapBetween(5_000, 6_000)).toEqual({ longestMs: 5_000, frames: 0, covered: true });
});

it("counts from the start of the window where nothing came before", () => {
  const history = new FrameHistory();
  history.note(1_500);
  expect(history.gapBetween(1_000, 1_600)).toEqual({ longestMs: 500, frames: 1, covered: true });
  expect(new FrameHistory().gapBetween(1_000, 1_600)).toEqual({ longestMs: 600, frames: 0, covered: true });
});

it("says when it has forgotten the start of the window", () => {
  const history = new FrameHistory();
  for (let i = 0; i < 10_000; i++) history.note(i * 10);
  expect(history.gapBetween(1_000, 99_990).covered).toBe(false);
  expect(history.gapBetween(90_000, 99_990)).toEqual({ longestMs: 10, frames: 1_000, covered: true });
});
