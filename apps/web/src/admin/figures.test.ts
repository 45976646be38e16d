import { describe, expect, it } from "vitest";
import { formatBps, formatCount, formatDuration, formatShare, gradeOf } from "./figures.ts";

describe("figures", () => {
  it("are short and have units", () => {
    expect([0, 420, 64_000, 1_250_000, 2_000_000_000].map(formatBps)).toEqual([
      "0",
      "< 1 kb/s",
      "64 kb/s",
      "1.3 Mb/s",
      "2 Gb/s",
    ]);
    expect([12, 12_340, 5_000_000].map(formatCount)).toEqual(["12", "12.3 k", "5 M"]);
    expect([400, 65_000, 3 * 3_600_000 + 12 * 60_000, 72 * 3_600_000].map(formatDuration)).toEqual([
      "0 s",
      "1 min",
      "3 h 12 min",
      "3 days",
    ]);
    expect([0, 0.0004, 0.034].map(formatShare)).toEqual(["0 %", "< 0.1 %", "3.4 %"]);
  });

  it("are judged", () => {
    expect([0, 4.4, 3.2, 1.5].map(gradeOf)).toEqual(["unknown", "good", "fair", "poor"]);
  });
});
