import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { makeNode } from "@cation/cluster/testing/records";
import type { NodeRecord } from "@cation/cluster/store/node-registry";
import type { RoomOccupancy } from "@cation/cluster/store/room-store";
import { mulberry32 } from "@cation/cluster/testing/seeded-random";
import type { Node, NodeLoad } from "@cation/proto/state/v1/state";
import { place } from "./placement.ts";
import type { PlacementOptions } from "./placement.ts";

const OPTIONS: PlacementOptions = { placement: "affinity", roomShare: 0.5, affinityMaxStress: 0.7, maxStress: 0.95 };

function record(nodeId: string, stress: number, overrides: Partial<NodeRecord> & { node?: Node } = {}): NodeRecord {
  return { node: nodeWith(nodeId, { stress }), leaseRemainingMs: 2_000, reservedJoins: 0, ...overrides };
}

function nodeWith(nodeId: string, load: Partial<NodeLoad>, overrides: Partial<Node> = {}): Node {
  const base = { stress: 0, cpu: 0, packetsPerSecond: 0, egressBps: 0, participants: 0, rooms: 0, tracks: 0 };
  return makeNode(nodeId, { load: { ...base, ...load }, ...overrides });
}

function occupancy(nodes: Record<string, number>): RoomOccupancy {
  const participants = Object.values(nodes).reduce((sum, count) => sum + count, 0);
  return { participants, maxParticipants: 0, nodes: new Map(Object.entries(nodes)) };
}

function choose(
  records: NodeRecord[],
  options: Partial<PlacementOptions & { region: string; nodeId: string; room: RoomOccupancy; seed: number }> = {},
): string {
  const { region = "", nodeId = "", room, seed = 1 } = options;
  return place({ region, nodeId }, records, room, { ...OPTIONS, ...options }, mulberry32(seed)).nodeId;
}

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return "OK";
}

describe("who may be chosen", () => {
  test("nobody: CLUSTER_FULL", () => {
    expect(codeOf(() => choose([]))).toBe("CLUSTER_FULL");
  });

  test("not those without a lease, leaving, full or overloaded", () => {
    const records = [
      record("expired", 0, { leaseRemainingMs: 0 }),
      record("leaving", 0, { node: makeNode("leaving", { draining: true }) }),
      record("full", 0, { node: nodeWith("full", { participants: 100 }) }),
      record("nearly-full", 0, { node: nodeWith("nearly-full", { participants: 90 }), reservedJoins: 10 }),
      record("overloaded", 0.96),
    ];
    expect(codeOf(() => choose(records))).toBe("CLUSTER_FULL");
    for (let seed = 0; seed < 20; seed += 1) expect(choose([...records, record("ok", 0.9)], { seed })).toBe("ok");
  });

  test("a node that says nothing of its capacity is full by stress only", () => {
    const node = nodeWith("a", { participants: 5_000, stress: 0.5 }, { capacity: undefined });
    expect(choose([record("a", 0, { node })])).toBe("a");
  });
});

describe("affinity", () => {
  test("keeps a room together", () => {
    const records = [record("a", 0.5), record("b", 0.1), record("c", 0)];
    for (let seed = 0; seed < 20; seed += 1)
      expect(choose(records, { room: occupancy({ a: 3, b: 1 }), seed })).toBe("a");
  });

  test("until the node's share for the room is full", () => {
    const records = [record("a", 0.3), record("b", 0.6), record("c", 0.1)];
    expect(choose(records, { room: occupancy({ a: 50, b: 4 }) })).toBe("b");
    const others = new Set(
      Array.from({ length: 30 }, (_, seed) => choose(records, { room: occupancy({ a: 50 }), seed })),
    );
    expect(others.has("c")).toBe(true);
  });

  test("or the node is busy", () => {
    const records = [record("a", 0.75), record("b", 0.1)];
    for (let seed = 0; seed < 10; seed += 1) expect(choose(records, { room: occupancy({ a: 3 }), seed })).toBe("b");
  });

  test("near the client first", () => {
    const us = (nodeId: string, stress: number) =>
      record(nodeId, stress, { node: nodeWith(nodeId, { stress }, { region: "us" }) });
    const records = [record("eu1", 0.1), us("us1", 0.6), us("us2", 0.65)];
    const room = occupancy({ eu1: 5 });
    expect(choose(records, { room, region: "eu" })).toBe("eu1");
    for (let seed = 0; seed < 10; seed += 1) expect(choose(records, { room, region: "us", seed })).toMatch(/^us/);
    expect(choose(records, { room, region: "mars" })).toBe("eu1");
    expect(choose(records, { room, region: "" })).toBe("eu1");
    const overloaded = [record("eu1", 0.1), us("us1", 0.99)];
    expect(choose(overloaded, { room, region: "us" })).toBe("eu1");
  });

  test("a storm of joins between two reports does not herd", () => {
    // Figures stand still, only reservations grow: the idlest of 10 nodes must not get everybody.
    const random = mulberry32(3);
    const nodes = Array.from({ length: 10 }, (_, i) => nodeWith(`n${i}`, { stress: i === 0 ? 0.05 : 0.1 }));
    const reserved = nodes.map(() => 0);
    for (let i = 0; i < 400; i += 1) {
      const records = nodes.map((node, n) => ({ node, leaseRemainingMs: 1, reservedJoins: reserved[n] ?? 0 }));
      const { nodeId } = place({ region: "", nodeId: "" }, records, undefined, OPTIONS, random);
      const index = Number(nodeId.slice(1));
      reserved[index] = (reserved[index] ?? 0) + 1;
    }
    expect(Math.max(...reserved)).toBeLessThan(60);
    expect(Math.min(...reserved)).toBeGreaterThan(20);
  });
});

describe("spread", () => {
  test("takes the node with fewest of the room, of several a less loaded one", () => {
    const records = [record("a", 0.1), record("b", 0.5), record("c", 0.9)];
    const room = occupancy({ a: 2, b: 1, c: 1 });
    for (let seed = 0; seed < 10; seed += 1) expect(choose(records, { placement: "spread", room, seed })).toBe("b");
    expect(choose(records, { placement: "spread", room: occupancy({ a: 1, b: 1 }) })).toBe("c");
  });
});

describe("pinned", () => {
  const records = [
    record("a", 0.1),
    record("b", 0.1),
    record("leaving", 0, { node: makeNode("leaving", { draining: true }) }),
    record("gone", 0, { leaseRemainingMs: -1 }),
    record("full", 1),
  ];
  const pin = (nodeId: string) => () => choose(records, { placement: "pinned", nodeId, room: occupancy({ b: 1 }) });

  test("obeys", () => {
    expect(pin("a")()).toBe("a");
    expect(pin("")()).toBe("b");
  });

  test("says why it cannot", () => {
    expect(codeOf(pin("nobody"))).toBe("NODE_NOT_FOUND");
    expect(codeOf(pin("gone"))).toBe("NODE_NOT_FOUND");
    expect(codeOf(pin("leaving"))).toBe("NODE_DRAINING");
    expect(codeOf(pin("full"))).toBe("CLUSTER_FULL");
  });

  test("other strategies do not obey", () => {
    expect(choose(records, { nodeId: "a", room: occupancy({ b: 1 }) })).toBe("b");
  });
});

test("whatever the cluster looks like, the chosen one is alive, staying and has room", () => {
  const nodes = fc.array(
    fc.record({
      lease: fc.integer({ min: -100, max: 100 }),
      draining: fc.boolean(),
      stress: fc.double({ min: 0, max: 1, noNaN: true }),
      participants: fc.nat(120),
      reserved: fc.nat(30),
      region: fc.constantFrom("eu", "us"),
      ofRoom: fc.nat(60),
    }),
    { maxLength: 8 },
  );
  const placement = fc.constantFrom("affinity", "spread", "pinned" as const);
  fc.assert(
    fc.property(nodes, placement, fc.constantFrom("", "eu", "us"), fc.nat(), (list, strategy, region, seed) => {
      const records = list.map(({ lease, draining, stress, participants, reserved, region: at }, i) => ({
        node: nodeWith(`n${i}`, { stress, participants }, { draining, region: at }),
        leaseRemainingMs: lease,
        reservedJoins: reserved,
      }));
      const room = occupancy(Object.fromEntries(list.map(({ ofRoom }, i) => [`n${i}`, ofRoom])));
      const able = list.filter(
        ({ lease, draining, participants, reserved }) => lease > 0 && !draining && participants + reserved < 100,
      );
      let nodeId: string;
      try {
        nodeId = choose(records, { placement: strategy as "affinity", region, room, seed });
      } catch (error) {
        expect((error as { code: string }).code).toBe("CLUSTER_FULL");
        return;
      }
      expect(able).toContain(list[Number(nodeId.slice(1))]);
    }),
  );
});
