import { describe, expect, it } from "vitest";
import { ScaleModel } from "./scale-model.ts";

const run = (viewers: number, seed = 1) => new ScaleModel({ viewers, publishers: 3, seed }).run();

describe("a large room", () => {
  it("has each track once over each link, bounded fan-out, and is repaired by moving what hung on the lost node", async () => {
    const { tree, repair, planMs } = await run(6_000);
    expect(tree.repeated).toBe(0);
    expect(tree.maxFanOut).toBeLessThanOrEqual(8);
    expect(tree.depth).toBeLessThanOrEqual(4);
    expect(tree.links).toBeLessThan(tree.nodes + 3 * 3);
    expect(repair.children).toBeGreaterThan(0);
    expect(repair.movedNodes).toBeLessThanOrEqual(repair.children);
    expect(repair.eventAfterMs).toBeGreaterThanOrEqual(0);
    expect(planMs).toBeLessThan(50);
  });

  it("costs messages by nodes and time, not by joins and nodes, and a client hears of publishers only", async () => {
    const [small, large] = [await run(1_000), await run(8_000)];
    // Joins times nodes would be 40 times as many and more.
    expect(large.eventMessages / small.eventMessages).toBeLessThan(20);
    expect(large.eventMessagesPerJoin).toBeLessThan(2);
    expect(large.clientEventsEach).toBe(small.clientEventsEach);
    expect(large.joinResponseBytes).toBeLessThan(2_000);
  });
});
