import { describe, expect, test } from "vitest";
import { LayerActivity } from "./layer-activity.ts";

/** Plays frames of two layers, checked each 100 ms; when layer 1 was seen as stalled, or -1. */
function stalledAtMs(
  intervalsMs: readonly [number, number],
  stopMs: number,
  endMs: number,
  restFromMs = endMs,
): number {
  const activity = new LayerActivity(2);
  for (let ms = 0; ms < endMs; ms += 5) {
    for (let layer = 0; layer < 2; layer++) {
      const sends = ms % intervalsMs[layer] === 0 && (layer === 0 ? ms < restFromMs : ms < stopMs);
      if (sends) activity.frame(layer, ms * 1000);
    }
    if (ms % 100 !== 0) continue;
    activity.check();
    if (activity.isStalled(1, ms * 1000)) return ms;
  }
  return -1;
}

describe("a layer that stops while another goes on", () => {
  test("is noticed after half a second for a camera", () => {
    const noticedMs = stalledAtMs([30, 30], 2000, 5000);
    expect(noticedMs - 2000).toBeGreaterThanOrEqual(470);
    expect(noticedMs - 2000).toBeLessThanOrEqual(700);
  });

  test("is noticed later where frames are rare", () => {
    const noticedMs = stalledAtMs([500, 500], 4000, 12_000);
    expect(noticedMs - 4000).toBeGreaterThan(1400);
    expect(noticedMs - 4000).toBeLessThan(3000);
  });
});

test.each([
  ["all rest together (a still screen, a muted camera)", 3000, 3000],
  ["none stops", 60_000, 60_000],
])("is not taken for stalled where %s", (_, stopMs, restFromMs) => {
  expect(stalledAtMs([30, 30], stopMs, 20_000, restFromMs)).toBe(-1);
  expect(stalledAtMs([1000, 1000], stopMs, 20_000, restFromMs)).toBe(-1);
});

test("a layer with a fifth of the other's frames is not taken for stalled", () => {
  expect(stalledAtMs([30, 200], 20_000, 20_000)).toBe(-1);
});
