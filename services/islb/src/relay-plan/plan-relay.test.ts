import { parentsOf, upstreamsOf } from "@cation/cluster/relay-plan";
import type { RelayPlan } from "@cation/proto/state/v1/state";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { planRelay } from "./plan-relay.ts";
import type { PlannedNode } from "./plan-relay.ts";

const node = (nodeId: string, overrides: Partial<PlannedNode> = {}): PlannedNode => ({
  nodeId,
  region: "eu",
  publishes: false,
  feeds: true,
  ...overrides,
});
const name = (i: number) => `n${String(i).padStart(3, "0")}`;
const audience = (count: number, from = 1) => Array.from({ length: count }, (_, i) => node(name(from + i)));

function childrenOf(plan: RelayPlan): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { parentNodeId } of plan.nodes) {
    if (parentNodeId !== "") counts.set(parentNodeId, (counts.get(parentNodeId) ?? 0) + 1);
  }
  return counts;
}

function depthOf(plan: RelayPlan, nodeId: string): number {
  const parents = parentsOf(plan);
  let depth = 0;
  for (let at = parents.get(nodeId); at; at = parents.get(at)) {
    depth += 1;
    if (depth > plan.nodes.length) throw new Error("a loop");
  }
  return depth;
}

/** What every plan must be. */
function check(plan: RelayPlan, nodes: readonly PlannedNode[], fanOut: number): void {
  expect(plan.nodes.map(({ nodeId }) => nodeId)).toEqual(nodes.map(({ nodeId }) => nodeId).toSorted());
  const byId = new Map(nodes.map((one) => [one.nodeId, one]));
  for (const { nodeId, parentNodeId } of plan.nodes) {
    depthOf(plan, nodeId);
    if (byId.get(nodeId)?.publishes) expect(parentNodeId).toBe("");
    if (parentNodeId !== "") expect(byId.has(parentNodeId)).toBe(true);
  }
  if (nodes.some(({ publishes }) => publishes)) {
    for (const { nodeId, parentNodeId } of plan.nodes) {
      if (parentNodeId === "") expect(byId.get(nodeId)?.publishes).toBe(true);
    }
  }
  if (nodes.every(({ feeds }) => feeds)) {
    for (const count of childrenOf(plan).values()) expect(count).toBeLessThanOrEqual(fanOut);
    const deepest = Math.max(...nodes.map(({ nodeId }) => depthOf(plan, nodeId)));
    expect(deepest).toBeLessThanOrEqual(Math.ceil(Math.log(nodes.length + 1) / Math.log(fanOut)) + 3);
  }
}

describe("planRelay", () => {
  it("has no plan for one node", () => {
    expect(planRelay([node("a", { publishes: true })], undefined, { fanOut: 4 })).toBeUndefined();
    expect(planRelay([], undefined, { fanOut: 4 })).toBeUndefined();
  });

  it("meshes the nodes of publishers and hangs the others under them", () => {
    const nodes = [node("a", { publishes: true }), node("b"), node("c", { publishes: true }), node("d")];
    const plan = planRelay(nodes, undefined, { fanOut: 4 });
    expect(plan).toEqual({
      version: 1,
      nodes: [
        { nodeId: "a", parentNodeId: "" },
        { nodeId: "b", parentNodeId: "a" },
        { nodeId: "c", parentNodeId: "" },
        { nodeId: "d", parentNodeId: "c" },
      ],
    });
    const parents = parentsOf(plan);
    expect(upstreamsOf(parents, "b", "a")).toEqual(["a"]);
    expect(upstreamsOf(parents, "b", "c")).toEqual(["a", "c"]);
    expect(upstreamsOf(parents, "a", "c")).toEqual(["c"]);
    expect(upstreamsOf(parents, "unknown", "c")).toEqual(["c"]);
  });

  it("goes deeper when the core is full, and no deeper than it must", () => {
    const nodes = [node(name(0), { publishes: true }), ...audience(84)];
    const plan = planRelay(nodes, undefined, { fanOut: 4 }) as RelayPlan;
    check(plan, nodes, 4);
    expect(Math.max(...nodes.map(({ nodeId }) => depthOf(plan, nodeId)))).toBe(3);
  });

  it("reaches each region once", () => {
    const regions = ["eu", "us", "ap"];
    const nodes = [
      node(name(0), { publishes: true }),
      ...audience(29).map((one, i) => ({ ...one, region: regions[i % 3] })),
    ];
    const plan = planRelay(nodes, undefined, { fanOut: 4 }) as RelayPlan;
    check(plan, nodes, 4);
    const regionOf = new Map(nodes.map(({ nodeId, region }) => [nodeId, region]));
    const across = plan.nodes.filter(
      ({ nodeId, parentNodeId }) => parentNodeId !== "" && regionOf.get(nodeId) !== regionOf.get(parentNodeId),
    );
    expect(across.map(({ nodeId }) => regionOf.get(nodeId) ?? "").join()).toMatch(/^(ap,us|us,ap)$/);
  });

  it("repairs round a node that is gone and touches nothing else", () => {
    const nodes = [node(name(0), { publishes: true }), ...audience(40)];
    const before = planRelay(nodes, undefined, { fanOut: 3 }) as RelayPlan;
    const [victim] = [...childrenOf(before)].find(([nodeId]) => nodeId !== name(0)) as [string, number];
    const rest = nodes.filter(({ nodeId }) => nodeId !== victim);
    const after = planRelay(rest, before, { fanOut: 3 }) as RelayPlan;
    check(after, rest, 3);
    expect(after.version).toBe(2);
    const old = parentsOf(before);
    const moved = after.nodes.filter(({ nodeId, parentNodeId }) => old.get(nodeId) !== parentNodeId);
    expect(moved.map(({ nodeId }) => old.get(nodeId))).toEqual(moved.map(() => victim));
  });

  it("keeps everybody where they are when the last one stops publishing, or one more begins", () => {
    const nodes = [node(name(0), { publishes: true }), ...audience(20)];
    const before = planRelay(nodes, undefined, { fanOut: 4 }) as RelayPlan;
    const silent = nodes.map((one) => ({ ...one, publishes: false }));
    expect(planRelay(silent, before, { fanOut: 4 })).toBe(before);
    const second = nodes.map((one) => ({ ...one, publishes: one.publishes || one.nodeId === name(7) }));
    const after = planRelay(second, before, { fanOut: 4 }) as RelayPlan;
    const old = parentsOf(before);
    expect(after.nodes.filter(({ nodeId, parentNodeId }) => old.get(nodeId) !== parentNodeId)).toEqual([
      { nodeId: name(7), parentNodeId: "" },
    ]);
  });

  it("takes those below a node that is being emptied away from it", () => {
    const nodes = [node(name(0), { publishes: true }), ...audience(12)];
    const before = planRelay(nodes, undefined, { fanOut: 3 }) as RelayPlan;
    const draining = nodes.map((one) => ({ ...one, feeds: one.nodeId !== name(1) }));
    const after = planRelay(draining, before, { fanOut: 3 }) as RelayPlan;
    expect(childrenOf(before).get(name(1))).toBe(3);
    expect(childrenOf(after).get(name(1))).toBeUndefined();
  });

  it("copes with a plan that somebody spoilt", () => {
    const spoilt = {
      version: 3,
      nodes: [
        { nodeId: "a", parentNodeId: "" },
        { nodeId: "b", parentNodeId: "c" },
        { nodeId: "c", parentNodeId: "b" },
        { nodeId: "d", parentNodeId: "d" },
      ],
    };
    const nodes = [node("a", { publishes: true }), node("b"), node("c"), node("d")];
    check(planRelay(nodes, spoilt, { fanOut: 2 }) as RelayPlan, nodes, 2);
  });

  it("holds whatever happens to a room: no loops, bounded fan-out and depth, few moves", () => {
    const step = fc.record({
      index: fc.nat(59),
      action: fc.constantFrom("join", "join", "join", "leave", "publish", "unpublish"),
    });
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 8 }),
        fc.integer({ min: 1, max: 4 }),
        fc.array(step, { maxLength: 120 }),
        (fanOut, regions, steps) => {
          const nodes = new Map<string, PlannedNode>();
          let plan: RelayPlan | undefined;
          for (const { index, action } of steps) {
            const nodeId = name(index);
            const known = nodes.get(nodeId);
            if (action === "leave") nodes.delete(nodeId);
            else
              nodes.set(
                nodeId,
                node(nodeId, {
                  region: `r${index % regions}`,
                  publishes: known?.publishes ?? false,
                  ...(action !== "join" && { publishes: action === "publish" }),
                }),
              );
            const before = plan;
            const list = [...nodes.values()];
            plan = planRelay(list, before, { fanOut });
            if (!plan) continue;
            check(plan, list, fanOut);
            expect(planRelay(list.toReversed(), before, { fanOut })).toEqual(plan);
            expect(planRelay(list, plan, { fanOut })).toBe(plan);
            if (plan === before) continue;
            expect(plan.version).toBe((before?.version ?? 0) + 1);
            const old = parentsOf(before);
            const kept = parentsOf(plan);
            // A node that comes moves nobody.
            if (action !== "join" || known) continue;
            expect([...old].filter(([id, parent]) => kept.get(id) !== parent)).toEqual([]);
          }
        },
      ),
      { numRuns: 150 },
    );
  });
});
