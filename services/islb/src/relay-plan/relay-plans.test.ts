import { parentsOf } from "@cation/cluster/relay-plan";
import { subscribeRoomEvents } from "@cation/cluster/events/room-events";
import type { IslbService, JoinResponse } from "@cation/proto/islb/v1/islb";
import type { RelayPlan, RoomEvent } from "@cation/proto/state/v1/state";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { IslbFixture, joinRequest, report, trackOf } from "../testing/islb-fixture.ts";

let fixture: IslbFixture;
let islbs: IslbService[];
let islb: IslbService;
const events: RoomEvent[] = [];

beforeEach(async () => {
  fixture = new IslbFixture({ settings: { placement: "pinned", relayFanOut: 2, leaseMs: 3_000 } });
  islbs = [await fixture.startIslb(), await fixture.startIslb()];
  islb = islbs[0];
  events.length = 0;
  subscribeRoomEvents(fixture.events, "r", (event) => events.push(event));
});
afterEach(async () => {
  await fixture.close();
  expect(fixture.clock.pendingTimers).toBe(0);
});

const pass = (ms = 5) => fixture.clock.advanceAsync(ms);
let joins = 0;

/** Somebody joins on a node. */
async function join(nodeId: string, through = islb): Promise<JoinResponse> {
  await report(through, nodeId);
  const joined = through.join(joinRequest("r", `i${(joins += 1)}`, { nodeId }));
  await pass();
  return joined;
}

async function publish(joined: JoinResponse, trackId: string, through = islb): Promise<void> {
  const { participantId = "", nodeId = "" } = joined.participant ?? {};
  await through.publishTrack({ roomId: "r", epoch: 0, track: trackOf(participantId, trackId, nodeId) });
  await pass();
}

async function plan(): Promise<RelayPlan | undefined> {
  return (await islb.getRoom({ roomId: "r" })).relayPlan;
}

const parents = async () => Object.fromEntries(parentsOf(await plan()));

describe("relay plans", () => {
  it("are made when a room comes to its second node, and are in the answer to the join", async () => {
    await publish(await join("a"), "t1");
    expect(await plan()).toBeUndefined();
    const joined = await join("b");
    expect(parentsOf(joined.room?.relayPlan)).toEqual(
      new Map([
        ["a", ""],
        ["b", "a"],
      ]),
    );
    expect(joined.room).toEqual(await islb.getRoom({ roomId: "r" }));
    const before = events.length;
    await join("b");
    expect(events.slice(before).map(({ change }) => change?.$case)).toEqual(["participantJoined"]);
  });

  it("follow who publishes where", async () => {
    const a = await join("a");
    await publish(a, "t1");
    const b = await join("b");
    await join("c");
    await publish(b, "t2");
    expect(await parents()).toEqual({ a: "", b: "", c: "a" });
    await islb.unpublishTrack({ roomId: "r", epoch: 0, trackId: "t1", nodeId: "" });
    await pass(2_000);
    expect(await parents()).toMatchObject({ a: expect.stringMatching(/^[bc]$/), b: "" });
  });

  it("say only what became different, in events without gaps", async () => {
    await publish(await join("a"), "t1");
    await join("b");
    await join("c");
    const changes = events.flatMap(({ change }) => (change?.$case === "relayPlanChanged" ? [change.value] : []));
    expect(changes).toEqual([
      {
        planVersion: 1,
        nodes: [
          { nodeId: "a", parentNodeId: "" },
          { nodeId: "b", parentNodeId: "a" },
        ],
        removedNodeIds: [],
      },
      { planVersion: 2, nodes: [{ nodeId: "c", parentNodeId: "a" }], removedNodeIds: [] },
    ]);
    expect(events.map(({ version }) => version)).toEqual(events.map((_, i) => i + 1));
  });

  it("repair round a node that says goodbye", async () => {
    await publish(await join("a"), "t1");
    for (const nodeId of ["b", "c", "d", "e"]) await join(nodeId);
    expect(await parents()).toEqual({ a: "", b: "a", c: "a", d: "b", e: "c" });
    await islb.removeNode({ nodeId: "b" });
    await pass();
    expect(await parents()).toEqual({ a: "", c: "a", d: "a", e: "c" });
  });

  it("repair round a node that is lost", async () => {
    await publish(await join("a"), "t1");
    for (const nodeId of ["b", "c", "d"]) await join(nodeId);
    expect(await parents()).toMatchObject({ d: "b" });
    for (let i = 0; i < 12; i += 1) {
      for (const nodeId of ["a", "c", "d"]) await report(islb, nodeId);
      await pass(1_000);
    }
    expect(await parents()).toEqual({ a: "", c: "a", d: "a" });
  });

  it("take those below a node away from it when it begins to be emptied", async () => {
    await publish(await join("a"), "t1");
    for (const nodeId of ["b", "c", "d"]) await join(nodeId);
    const { participant, room } = await join("b");
    const position = {
      roomId: "r",
      epoch: room?.room?.epoch ?? 0,
      version: 0,
      participantIds: [participant?.participantId ?? ""],
    };
    await report(islb, "b", [position], { draining: true });
    await pass(2_000);
    expect(await parents()).toMatchObject({ a: "", b: "a", d: "c" });
  });

  it("come out the same when two islbs make them at once", async () => {
    await publish(await join("a"), "t1");
    for (const nodeId of ["b", "c", "d", "e", "f", "g"]) await report(islb, nodeId);
    const joining = ["b", "c", "d", "e", "f", "g"].map((nodeId, i) =>
      islbs[i % 2].join(joinRequest("r", `at once ${nodeId}`, { nodeId })),
    );
    await pass(1_000);
    await Promise.all(joining);
    await pass(1_000);
    expect((await plan())?.nodes.map(({ nodeId }) => nodeId)).toEqual(["a", "b", "c", "d", "e", "f", "g"]);
    expect(events.map(({ version }) => version)).toEqual(events.map((_, i) => i + 1));
  });

  it("are found missing by reports, and do not hold up a join while the store is away", async () => {
    await publish(await join("a"), "t1");
    await report(islb, "b");
    const joined = islbs[1].join(joinRequest("r", "x", { nodeId: "b" })).catch(() => undefined);
    // Away as soon as the participant is in.
    await Promise.resolve();
    fixture.storeIsAway = true;
    await pass(500);
    await joined;
    fixture.storeIsAway = false;
    for (const nodeId of ["a", "b"]) {
      const position = { roomId: "r", epoch: 0, version: 0, participantIds: [] };
      await report(islb, nodeId, [position]);
      await pass(1_100);
    }
    const { participantCount, relayPlan } = await islb.getRoom({ roomId: "r" });
    expect(relayPlan?.nodes.length ?? 1).toBe(participantCount);
  });
});
