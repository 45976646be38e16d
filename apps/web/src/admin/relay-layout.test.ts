import { describe, expect, it } from "vitest";
import { layOutRelays } from "./relay-layout.ts";

const link = (from: string, to: string, tracks = 1) => ({ from, to, tracks, packets: 0 });

describe("relay layout", () => {
  it("has one node alone in the middle", () => {
    const { nodes, links } = layOutRelays({ nodeIds: ["a"], planned: [], links: [] });
    expect(nodes).toMatchObject([{ nodeId: "a", depth: 0 }]);
    expect(links).toEqual([]);
  });

  it("puts what is fed under what feeds it, and draws planned links that carry nothing", () => {
    const planned = [
      { nodeId: "core", parentNodeId: "" },
      { nodeId: "edge-1", parentNodeId: "core" },
      { nodeId: "edge-2", parentNodeId: "core" },
      { nodeId: "leaf", parentNodeId: "edge-2" },
    ];
    const { nodes, links, height } = layOutRelays({ nodeIds: [], planned, links: [link("core", "edge-1", 3)] });
    expect(nodes.map(({ nodeId, depth }) => [nodeId, depth])).toEqual([
      ["core", 0],
      ["edge-1", 1],
      ["edge-2", 1],
      ["leaf", 2],
    ]);
    expect(links.map(({ from, to, tracks }) => [from, to, tracks])).toEqual([
      ["core", "edge-1", 3],
      ["core", "edge-2", 0],
      ["edge-2", "leaf", 0],
    ]);
    for (const { y } of nodes) expect(y).toBeLessThan(height);
  });

  it("draws both directions between two of the core, apart from each other", () => {
    const { nodes, links } = layOutRelays({
      nodeIds: ["a", "b"],
      planned: [],
      links: [link("a", "b"), link("b", "a")],
    });
    expect(nodes.map(({ depth }) => depth)).toEqual([0, 0]);
    expect(links[0]?.labelY).not.toBe(links[1]?.labelY);
  });

  it("ends where a plan is a circle", () => {
    const planned = [
      { nodeId: "a", parentNodeId: "b" },
      { nodeId: "b", parentNodeId: "a" },
    ];
    expect(layOutRelays({ nodeIds: ["c"], planned, links: [] }).nodes).toMatchObject([{ nodeId: "c" }]);
  });
});
