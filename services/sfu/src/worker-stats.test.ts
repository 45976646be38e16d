import { describe, expect, it } from "vitest";
import { NO_STATS, sumCounts } from "./worker-stats.ts";

describe("sums of figures", () => {
  it("add name by name, at every depth", () => {
    const a = { x: 1, drops: { engine: { late: 2 } as Record<string, number> } };
    const b = { x: 10, drops: { engine: { late: 20, early: 3 } } };
    expect(sumCounts(a, b, a)).toEqual({ x: 12, drops: { engine: { late: 24, early: 3 } } });
    expect(a).toEqual({ x: 1, drops: { engine: { late: 2 } } });
  });

  it("add lists place by place", () => {
    expect(sumCounts({ counts: [1, 2, 3] }, { counts: [10, 20, 30] })).toEqual({ counts: [11, 22, 33] });
    const none: readonly number[] = [];
    expect(sumCounts({ counts: none }, { counts: [1, 2] }, { counts: none })).toEqual({ counts: [1, 2] });
  });

  it("begin with nothing", () => {
    expect(sumCounts(NO_STATS)).toEqual(NO_STATS);
    expect(sumCounts(NO_STATS, NO_STATS)).toEqual(NO_STATS);
  });
});
