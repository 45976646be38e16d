import { expect, it } from "vitest";
import { DecodeTracker } from "./decode-tracker.ts";
import { FrameHistory } from "./frame-history.ts";

const payload = Uint8Array.of(1);

/** Opus packets, each a frame, at the times given. */
function hear(tracker: DecodeTracker, times: readonly number[], first = 0): void {
  times.forEach((time, index) => tracker.put(first + index, true, "opus", payload, 0, 1, time));
}

it("counts a freeze while it lasts, and once", () => {
  const tracker = new DecodeTracker();
  hear(tracker, [0, 50, 100]);
  tracker.check(200);
  expect(tracker.freezes).toBe(0);
  tracker.check(600);
  tracker.check(1_000);
  expect([tracker.freezes, tracker.freezeMs]).toEqual([1, 900]);
  hear(tracker, [1_100], 3);
  expect([tracker.freezes, tracker.freezeMs]).toEqual([1, 1_000]);
});

it("goes on from an earlier connection: the time between is a freeze, or none", () => {
  const history = new FrameHistory();
  hear(new DecodeTracker(history), [0, 50, 100]);
  const late = new DecodeTracker(history);
  late.check(1_000);
  expect([late.freezes, late.freezeMs]).toEqual([1, 900]);
  hear(late, [1_100, 1_150]);
  expect([late.freezes, late.freezeMs]).toEqual([1, 1_000]);
  const soon = new DecodeTracker(history);
  hear(soon, [1_200]);
  expect([soon.freezes, soon.freezeMs]).toEqual([0, 0]);
});
