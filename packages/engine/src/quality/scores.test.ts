import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { audioScore } from "./audio-score.ts";
import { videoScore } from "./video-score.ts";

const share = fc.double({ min: 0, max: 1, noNaN: true });
const ms = fc.double({ min: 0, max: 2_000, noNaN: true });

describe("the score of sound", () => {
  test.each([
    { path: { loss: 0, jitterMs: 2, roundTripMs: 40 }, atLeast: 4.8, atMost: 5 },
    { path: { loss: 0.02, jitterMs: 10, roundTripMs: 80 }, atLeast: 4.2, atMost: 4.8 },
    { path: { loss: 0.1, jitterMs: 20, roundTripMs: 100 }, atLeast: 2.4, atMost: 3.4 },
    { path: { loss: 0, jitterMs: 5, roundTripMs: 800 }, atLeast: 2.8, atMost: 3.9 },
    { path: { loss: 0.4, jitterMs: 60, roundTripMs: 400 }, atLeast: 1, atMost: 1.5 },
  ])("$path", ({ path, atLeast, atMost }) => {
    expect(audioScore(path)).toBeGreaterThanOrEqual(atLeast);
    expect(audioScore(path)).toBeLessThanOrEqual(atMost);
  });

  test("lies in 1 … 5 and never rises with loss, jitter or delay", () => {
    fc.assert(
      fc.property(share, ms, ms, (loss, jitterMs, roundTripMs) => {
        const score = audioScore({ loss, jitterMs, roundTripMs });
        expect(score).toBeGreaterThanOrEqual(1);
        expect(score).toBeLessThanOrEqual(5);
        const worse = 1e-9;
        expect(audioScore({ loss: Math.min(1, loss + 0.1), jitterMs, roundTripMs })).toBeLessThanOrEqual(score + worse);
        expect(audioScore({ loss, jitterMs: jitterMs + 20, roundTripMs })).toBeLessThanOrEqual(score + worse);
        expect(audioScore({ loss, jitterMs, roundTripMs: roundTripMs + 50 })).toBeLessThanOrEqual(score + worse);
      }),
    );
  });
});

describe("the score of a picture", () => {
  test("is 5 where all is as wished, 1 where nothing is sent, between for a smaller one and for loss", () => {
    expect(videoScore({ loss: 0, share: 1, stalled: false })).toBe(5);
    expect(videoScore({ loss: 0, share: 1, stalled: true })).toBe(1);
    expect(videoScore({ loss: 0, share: 0.3, stalled: false })).toBeCloseTo(3.79, 1);
    expect(videoScore({ loss: 0.05, share: 1, stalled: false })).toBeCloseTo(4.27, 1);
  });

  test("lies in 1 … 5 and never rises with loss or a smaller share", () => {
    fc.assert(
      fc.property(share, share, (loss, part) => {
        const score = videoScore({ loss, share: part, stalled: false });
        expect(score).toBeGreaterThanOrEqual(1);
        expect(score).toBeLessThanOrEqual(5);
        expect(videoScore({ loss: Math.min(1, loss + 0.1), share: part, stalled: false })).toBeLessThanOrEqual(score);
        expect(videoScore({ loss, share: part * 0.8, stalled: false })).toBeLessThanOrEqual(score);
      }),
    );
  });
});
