import { describe, expect, it } from "vitest";
import type { MediaSummary } from "../bots/media-summary.ts";
import { quantile, Timeline } from "./timeline.ts";

const video: MediaSummary = {
  ...{ tracks: 1, packets: 90, lost: 10, recovered: 5, frames: 40, freezes: 1, freezeMs: 400, bitrateBps: 300_000 },
  ...{ jitterMs: 3, latency: { p50Ms: 5, p95Ms: 9, maxMs: 20 }, bitrateByHeight: { 180: 300_000 } },
};

describe("a timeline", () => {
  it("puts what happened into seconds, and leaves none out", () => {
    const timeline = new Timeline(1_000_000);
    const one = { bot: 1, group: "viewers" };
    timeline.add("a", { ...one, atMs: 1_000_100, kind: "join", joinMs: 40, nodeId: "sfu-1" });
    timeline.add("b", { ...one, atMs: 1_000_900, kind: "join", joinMs: 60, nodeId: "sfu-2" });
    timeline.add("a", { ...one, atMs: 1_001_000, kind: "firstFrame", firstFrameMs: 140, afterJoinMs: 100 });
    timeline.add("a", { ...one, atMs: 1_003_000, kind: "media", intervalMs: 2_000, audio: undefined, video });
    timeline.add("b", { ...one, atMs: 1_003_500, kind: "ended", reason: "gone" });
    timeline.add("c", { ...one, atMs: 1_003_600, kind: "joinFailed", code: "ROOM_FULL", message: "" });
    const seconds = timeline.seconds();
    expect(seconds.map(({ present }) => present)).toEqual([2, 2, 2, 1]);
    expect(seconds.map(({ joins }) => joins)).toEqual([2, 0, 0, 0]);
    expect(seconds[3]).toMatchObject({ packets: 90, lost: 10, freezes: 1, failures: 1, latencyP50Ms: 5 });
    expect(seconds[3].bitrateByHeight).toEqual({ 180: 300_000 });
    expect(seconds[2].latencyP50Ms).toBeUndefined();
    // The bots of two processes have the same numbers, and are not the same.
    expect(timeline.arrivals.map(({ joinMs, firstFrameMs }) => [joinMs, firstFrameMs])).toEqual([
      [40, 100],
      [60, undefined],
    ]);
    expect([...timeline.failureCodes]).toEqual([["ROOM_FULL", 1]]);
  });
});

it("quantiles", () => {
  expect(quantile([], 0.5)).toBeUndefined();
  expect(quantile([3, 1, 2], 0.5)).toBe(2);
  expect(quantile([3, 1, 2], 1)).toBe(3);
});
