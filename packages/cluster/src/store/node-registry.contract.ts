import { afterEach, beforeEach, expect, test } from "vitest";
import { makeNode } from "../testing/records.ts";
import type { NodeRecord, NodeRegistry } from "./node-registry.ts";

/** How a test reaches a registry. */
export interface NodeRegistryFixture {
  readonly registry: NodeRegistry;
  /** Lets the registry's clock go on. */
  advance(durationMs: number): Promise<void>;
  close(): Promise<void>;
}

/** Every node registry passes this. */
export function nodeRegistryContract(open: () => Promise<NodeRegistryFixture>): void {
  let fixture: NodeRegistryFixture;
  let registry: NodeRegistry;
  beforeEach(async () => {
    fixture = await open();
    registry = fixture.registry;
  });
  afterEach(() => fixture.close());

  const find = async (nodeId: string): Promise<NodeRecord | undefined> =>
    (await registry.list()).find(({ node }) => node.nodeId === nodeId);

  test("lists what was reported last, in the order of ids", async () => {
    expect(await registry.list()).toEqual([]);
    await registry.report(makeNode("b"), [], 1_000);
    await registry.report(makeNode("a"), [], 1_000);
    await registry.report(makeNode("b", { draining: true }), [], 1_000);
    const list = await registry.list();
    expect(list.map(({ node }) => node)).toEqual([makeNode("a"), makeNode("b", { draining: true })]);
    for (const { leaseRemainingMs, reservedJoins } of list) {
      expect(leaseRemainingMs).toBeGreaterThan(0);
      expect(leaseRemainingMs).toBeLessThanOrEqual(1_000);
      expect(reservedJoins).toBe(0);
    }
  });

  test("a lease runs out unless it is renewed; the record stays", async () => {
    await registry.report(makeNode("a"), [], 200);
    await fixture.advance(150);
    await registry.report(makeNode("a"), [], 200);
    await fixture.advance(150);
    expect((await find("a"))?.leaseRemainingMs).toBeGreaterThan(0);
    await fixture.advance(100);
    expect((await find("a"))?.leaseRemainingMs).toBeLessThanOrEqual(0);
    expect((await find("a"))?.node).toEqual(makeNode("a"));
  });

  test("a lease can be ended, which is the same as its running out", async () => {
    await registry.report(makeNode("a"), ["r"], 10_000);
    await registry.endLease("a");
    expect((await find("a"))?.leaseRemainingMs).toBeLessThanOrEqual(0);
    expect(await registry.rooms("a")).toEqual(["r"]);
    await registry.endLease("nobody");
    expect(await registry.list()).toHaveLength(1);
  });

  test("only a node without a lease can be forgotten", async () => {
    await registry.report(makeNode("a"), ["r"], 10_000);
    expect(await registry.removeExpired("a")).toBe(false);
    expect(await registry.list()).toHaveLength(1);
    await registry.endLease("a");
    expect(await registry.removeExpired("a")).toBe(true);
    expect(await registry.list()).toEqual([]);
    expect(await registry.rooms("a")).toEqual([]);
    expect(await registry.removeExpired("a")).toBe(true);
    await registry.report(makeNode("a"), [], 10_000);
    expect(await registry.list()).toHaveLength(1);
  });

  test("remembers rooms that a node was placed in or reported, and says which it does not name any more", async () => {
    await registry.reserve("a", "placed", 100);
    expect(await registry.report(makeNode("a"), ["r1", "r2"], 1_000)).toEqual(["placed"]);
    expect((await registry.report(makeNode("a"), ["r2", "placed"], 1_000)).toSorted()).toEqual(["r1"]);
    expect((await registry.report(makeNode("a"), [], 1_000)).toSorted()).toEqual(["placed", "r1", "r2"]);
    expect((await registry.rooms("a")).toSorted()).toEqual(["placed", "r1", "r2"]);
    expect(await registry.rooms("b")).toEqual([]);
  });

  test("forgets rooms, but not those of a moment ago", async () => {
    await registry.report(makeNode("a"), ["old", "kept"], 1_000);
    await fixture.advance(120);
    await registry.reserve("a", "new", 1_000);
    await registry.forgetRooms("a", ["old", "new", "unknown"], 80);
    expect((await registry.rooms("a")).toSorted()).toEqual(["kept", "new"]);
    await registry.forgetRooms("a", [], 0);
    await registry.forgetRooms("nobody", ["x"], 0);
  });

  test("counts reservations until they run out", async () => {
    await registry.report(makeNode("a"), [], 10_000);
    await registry.report(makeNode("b"), [], 10_000);
    await Promise.all(Array.from({ length: 20 }, (_, i) => registry.reserve("a", `r${i}`, 200)));
    await registry.reserve("b", "r", 10_000);
    expect((await find("a"))?.reservedJoins).toBe(20);
    await fixture.advance(120);
    await registry.reserve("a", "r", 200);
    expect((await find("a"))?.reservedJoins).toBe(21);
    await fixture.advance(120);
    expect((await find("a"))?.reservedJoins).toBe(1);
    await fixture.advance(120);
    expect((await find("a"))?.reservedJoins).toBe(0);
    expect((await find("b"))?.reservedJoins).toBe(1);
  });

  test("takes any text as an id", async () => {
    const ids = ["a:b", "{x}", "é", "😀", "a b", "1:2:3"];
    for (const id of ids) {
      await registry.reserve(id, `room of ${id}`, 10_000);
      await registry.report(makeNode(id), [], 10_000);
    }
    const list = await registry.list();
    expect(new Map(list.map(({ node, reservedJoins }) => [node.nodeId, reservedJoins]))).toEqual(
      new Map(ids.map((id) => [id, 1])),
    );
    for (const id of ids) expect(await registry.rooms(id)).toEqual([`room of ${id}`]);
  });
}
