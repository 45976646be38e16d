import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { REPLAY_WINDOW_PACKETS, ReplayWindow } from "./replay-window.ts";

describe("ReplayWindow", () => {
  it("agrees with a set of all indices ever accepted", () => {
    const step = fc.oneof(
      fc.integer({ min: -5, max: 5 }),
      fc.integer({ min: -REPLAY_WINDOW_PACKETS - 5, max: REPLAY_WINDOW_PACKETS + 5 }),
      fc.integer({ min: 0, max: 100_000 }),
    );
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 47 }), fc.array(step), (first, steps) => {
        const window = new ReplayWindow();
        const accepted = new Set<number>();
        let index = first;
        for (const delta of [0, ...steps]) {
          index = Math.max(0, index + delta);
          const tooOld = index <= window.highest - REPLAY_WINDOW_PACKETS;
          const expected = tooOld ? "too-old" : accepted.has(index) ? "replayed" : "fresh";
          expect(window.check(index)).toBe(expected);
          if (expected !== "fresh") continue;
          window.accept(index);
          accepted.add(index);
          expect(window.check(index)).toBe("replayed");
        }
      }),
    );
  });
});
