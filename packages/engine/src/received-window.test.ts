import fc from "fast-check";
import { expect, test } from "vitest";
import { ReceivedWindow, WindowState } from "./received-window.ts";

test("tells new numbers from known ones, across any order", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -1500, max: 1500 }), { minLength: 1, maxLength: 300 }), (steps) => {
      const window = new ReceivedWindow();
      const seen = new Set<number>();
      let highest = 0x1_0000;
      for (const step of [0, ...steps]) {
        const extSeq = Math.max(1, highest + step);
        const state = window.add(extSeq);
        if (extSeq <= highest - 2048) expect(state).toBe(WindowState.TOO_OLD);
        else expect(state).toBe(seen.has(extSeq) ? WindowState.DUPLICATE : WindowState.NEW);
        if (state === WindowState.NEW) seen.add(extSeq);
        highest = Math.max(highest, extSeq);
      }
    }),
  );
});

test("a jump forgets what was before, and a reset everything", () => {
  const window = new ReceivedWindow();
  window.add(100);
  expect(window.add(100_000)).toBe(WindowState.NEW);
  expect(window.add(100)).toBe(WindowState.TOO_OLD);
  window.reset();
  expect(window.add(100)).toBe(WindowState.NEW);
});
