import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { subscribeRoomEvents } from "@cation/cluster/events/room-events";
import { makeNode } from "@cation/cluster/testing/records";
import type { IslbService } from "@cation/proto/islb/v1/islb";
import { LeaveReason } from "@cation/proto/state/v1/state";
import type { RoomEvent } from "@cation/proto/state/v1/state";
import type { Clock, Timer } from "@cation/service-kit/clock";
import { IslbFixture, joinRequest, report, trackOf } from "./testing/islb-fixture.ts";

let fixture: IslbFixture;
let islb: IslbService;
const events: RoomEvent[] = [];

async function open(...args: ConstructorParameters<typeof IslbFixture>): Promise<void> {
  fixture = new IslbFixture(...args);
  islb = await fixture.startIslb();
  events.length = 0;
  // Relay plans have tests of their own.
  subscribeRoomEvents(fixture.events, "r", (event) => {
    if (event.change?.$case !== "relayPlanChanged") events.push(event);
  });
}
beforeEach(() => open());
afterEach(async () => {
  await fixture.close();
  expect(fixture.clock.pendingTimers).toBe(0);
});

const changes = (): unknown[] => events.map(({ change }) => change?.$case);
const position = (epoch: number, version: number, participantIds: string[], roomId = "r") => ({
  roomId,
  epoch,
  version,
  participantIds,
});
/** Lets time pass while nodes go on reporting, as they do. */
async function passWith(durationMs: number, nodeIds: string[], rooms: () => Parameters<typeof report>[2] = () => []) {
  for (let passedMs = 0; passedMs < durationMs; passedMs += 1_000) {
    for (const nodeId of nodeIds) await report(islb, nodeId, rooms());
    await fixture.clock.advanceAsync(1_000);
  }
}

describe("nodes", () => {
  test("a report gives a lease of at most 3 s and tells who else is there", async () => {
    await report(islb, "n1");
    const answer = await report(islb, "n2");
    expect(answer.leaseMs).toBeLessThanOrEqual(3_000);
    expect(answer.nodes.map(({ nodeId }) => nodeId)).toEqual(["n1", "n2"]);
    expect(answer).toMatchObject({ staleRoomIds: [], corrections: [] });
    expect((await islb.listNodes({})).nodes).toEqual([makeNode("n1"), makeNode("n2")]);
  });

  test("a node that does not report is not listed and gets nobody", async () => {
    await report(islb, "n1");
    await fixture.clock.advanceAsync(3_100);
    expect((await islb.listNodes({})).nodes).toEqual([]);
    await expect(islb.join(joinRequest("r", "a"))).rejects.toMatchObject({ code: "CLUSTER_FULL", retryable: true });
    await report(islb, "n1");
    await islb.join(joinRequest("r", "a"));
  });

  test("a wrong report is refused in words", async () => {
    await expect(islb.reportNode({ node: undefined, rooms: [] })).rejects.toMatchObject({ code: "MESSAGE_MALFORMED" });
    await expect(report(islb, "")).rejects.toMatchObject({
      message: expect.stringContaining("node.node_id") as string,
    });
    await expect(report(islb, "n1", [], { grpcAddress: "" })).rejects.toMatchObject({ code: "MESSAGE_MALFORMED" });
    await expect(report(islb, "n1", [position(0, 0, [], "")])).rejects.toMatchObject({ code: "MESSAGE_MALFORMED" });
  });
});

describe("joins", () => {
  beforeEach(() => report(islb, "n1"));

  test("give participant, node and room, and are told to everybody", async () => {
    const first = await islb.join(joinRequest("r", "ann", { name: "Ann", metadata: "{}", maxParticipants: 9 }));
    expect(first.participant).toMatchObject({ identity: "ann", name: "Ann", nodeId: "n1", metadata: "{}" });
    expect(first.participant?.joinedAtMs).toBe(fixture.clock.nowMs());
    expect(first.node).toEqual(makeNode("n1"));
    expect(first.room).toMatchObject({ room: { version: 1, maxParticipants: 9 }, participantCount: 1 });
    const second = await islb.join(joinRequest("r", "bob"));
    expect(second.participant?.name).toBe("bob");
    expect(second.participant?.participantId).not.toBe(first.participant?.participantId);
    await fixture.clock.advanceAsync(0);
    expect(changes()).toEqual(["participantJoined", "participantJoined"]);
  });

  test("with the same identity replace, and say so", async () => {
    const first = await islb.join(joinRequest("r", "ann"));
    const second = await islb.join(joinRequest("r", "ann"));
    expect(second.replacedParticipantId).toBe(first.participant?.participantId);
    await fixture.clock.advanceAsync(0);
    expect(events[1]?.change).toEqual({
      $case: "participantLeft",
      value: { participantId: first.participant?.participantId, reason: LeaveReason.REPLACED },
    });
    expect(changes()).toEqual(["participantJoined", "participantLeft", "participantJoined"]);
  });

  test("are refused with ROOM_FULL, unless they replace", async () => {
    await islb.join(joinRequest("r", "ann", { maxParticipants: 2 }));
    await islb.join(joinRequest("r", "bob", { maxParticipants: 2 }));
    await expect(islb.join(joinRequest("r", "cid"))).rejects.toMatchObject({ code: "ROOM_FULL" });
    await islb.join(joinRequest("r", "ann"));
    expect((await fixture.registry.list())[0]?.reservedJoins).toBe(3);
    await islb.join(joinRequest("other", "cid"));
  });

  test("are refused with CLUSTER_FULL when every node is", async () => {
    await report(islb, "n1", [], { capacity: { maxParticipants: 2, maxPacketsPerSecond: 0, maxEgressBps: 0 } });
    await expect(islb.join(joinRequest("r", "a"))).rejects.toMatchObject({ code: "CLUSTER_FULL" });
    await report(islb, "n1", [], { load: undefined });
    // Reservations weigh as much as a hundredth of the node each; at 95 % it is full.
    for (let i = 0; i < 95; i += 1) await islb.join(joinRequest(`r${i % 7}`, `i${i}`));
    await expect(islb.join(joinRequest("r", "one-more"))).rejects.toMatchObject({ code: "CLUSTER_FULL" });
    await fixture.clock.advanceAsync(2_999);
    await expect(islb.join(joinRequest("r", "one-more"))).rejects.toMatchObject({ code: "CLUSTER_FULL" });
  });

  test("go to the node asked for where that is the strategy", async () => {
    await fixture.close();
    await open({ settings: { placement: "pinned" } });
    await report(islb, "n1");
    await report(islb, "n2");
    for (const nodeId of ["n1", "n2", "n1"]) {
      const { node } = await islb.join(joinRequest("r", `on-${nodeId}-${Math.random()}`, { nodeId }));
      expect(node?.nodeId).toBe(nodeId);
    }
    await expect(islb.join(joinRequest("r", "x", { nodeId: "n3" }))).rejects.toMatchObject({ code: "NODE_NOT_FOUND" });
  });

  test.each([
    [{ roomId: "" }, "room_id"],
    [{ roomId: "x".repeat(300) }, "room_id"],
    [{ identity: "" }, "identity"],
    [{ metadata: "x".repeat(4_097) }, "metadata"],
    [{ name: "x".repeat(2_000) }, "name"],
  ])("with %j are refused in words", async (wrong, field) => {
    const error = await islb.join(joinRequest("r", "a", wrong)).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "MESSAGE_MALFORMED", message: expect.stringContaining(field) as string });
  });
});

describe("tracks and leaving", () => {
  let participantId: string;
  let epoch: number;
  beforeEach(async () => {
    await report(islb, "n1");
    const joined = await islb.join(joinRequest("r", "ann"));
    participantId = joined.participant?.participantId ?? "";
    epoch = joined.room?.room?.epoch ?? 0;
  });

  test("each change is stored once and told once", async () => {
    const track = trackOf(participantId, "t");
    expect(await islb.publishTrack({ roomId: "r", epoch, track })).toEqual({ epoch, version: 2 });
    expect(await islb.publishTrack({ roomId: "r", epoch, track })).toEqual({ epoch, version: 2 });
    await islb.setTrackMuted({ roomId: "r", epoch, trackId: "t", muted: true });
    expect(await islb.getRoom({ roomId: "r" })).toMatchObject({
      participants: [{ participantId }],
      tracks: [{ trackId: "t", muted: true }],
      participantCount: 1,
    });
    const nodeId = "";
    await islb.unpublishTrack({ roomId: "r", epoch, trackId: "t", nodeId });
    await islb.unpublishTrack({ roomId: "r", epoch, trackId: "t", nodeId });
    const leave = { roomId: "r", participantId, epoch, reason: LeaveReason.UNSPECIFIED, nodeId };
    expect(await islb.leave(leave)).toEqual({ epoch, version: 5 });
    expect(await islb.leave(leave)).toEqual({ epoch, version: 5 });
    await fixture.clock.advanceAsync(0);
    expect(changes()).toEqual([
      "participantJoined",
      "trackPublished",
      "trackMuted",
      "trackUnpublished",
      "participantLeft",
    ]);
    expect(events.at(-1)?.change).toMatchObject({ value: { reason: LeaveReason.LEFT } });
  });

  test("say what is wrong", async () => {
    const track = trackOf(participantId, "t");
    await expect(islb.publishTrack({ roomId: "r", epoch: 1, track })).rejects.toMatchObject({ code: "STALE_EPOCH" });
    await expect(islb.publishTrack({ roomId: "r", epoch, track: undefined })).rejects.toMatchObject({
      code: "MESSAGE_MALFORMED",
    });
    await expect(islb.publishTrack({ roomId: "r", epoch, track: trackOf("x", "t") })).rejects.toMatchObject({
      code: "PARTICIPANT_NOT_FOUND",
    });
    await expect(islb.setTrackMuted({ roomId: "r", epoch, trackId: "x", muted: true })).rejects.toMatchObject({
      code: "TRACK_NOT_FOUND",
    });
    await expect(islb.getRoom({ roomId: "nowhere" })).rejects.toMatchObject({ code: "ROOM_NOT_FOUND" });
    await expect(islb.getRoster({ roomId: "nowhere", after: "", limit: 0 })).rejects.toMatchObject({
      code: "ROOM_NOT_FOUND",
    });
  });

  test("a participant is found with its node", async () => {
    const found = await islb.findParticipant({ roomId: "r", participantId });
    expect(found).toMatchObject({ participant: { participantId }, node: { nodeId: "n1" }, epoch });
    await expect(islb.findParticipant({ roomId: "r", participantId: "x" })).rejects.toMatchObject({
      code: "PARTICIPANT_NOT_FOUND",
    });
  });

  test("the roster comes in pages of at most 200", async () => {
    await fixture.close();
    await open({ settings: { joinsPerSecondPerRoom: 1_000 } });
    await report(islb, "n1", [], { load: undefined, capacity: undefined });
    for (let i = 0; i < 250; i += 1) await islb.join(joinRequest("r", `i${i}`, { name: `${i}` })).catch(() => {});
    const first = await islb.getRoster({ roomId: "r", after: "", limit: 0 });
    expect(first.participants).toHaveLength(100);
    const next = await islb.getRoster({ roomId: "r", after: first.next, limit: 1_000 });
    const ids = [...first.participants, ...next.participants].map((participant) => participant.participantId);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toEqual(ids.toSorted());
  });
});

describe("healing", () => {
  test("a node that is behind is told which rooms to read", async () => {
    await report(islb, "n1");
    const { participant, room } = await islb.join(joinRequest("r", "ann"));
    const id = participant?.participantId ?? "";
    const epoch = room?.room?.epoch ?? 0;
    expect((await report(islb, "n1", [position(epoch, 1, [id])])).staleRoomIds).toEqual([]);
    await islb.publishTrack({ roomId: "r", epoch, track: trackOf(id, "t") });
    expect((await report(islb, "n1", [position(epoch, 1, [id])])).staleRoomIds).toEqual(["r"]);
    expect((await report(islb, "n1", [position(epoch, 2, [id])])).staleRoomIds).toEqual([]);
    await fixture.clock.advanceAsync(10);
    await fixture.store.raiseEpoch("r");
    expect((await report(islb, "n1", [position(epoch, 2, [id])])).staleRoomIds).toEqual(["r"]);
  });

  test("ghosts go after their grace, not before, and those who are there stay", async () => {
    await report(islb, "n1");
    const ann = await islb.join(joinRequest("r", "ann"));
    await islb.join(joinRequest("r", "ghost"));
    const annId = ann.participant?.participantId ?? "";
    const epoch = ann.room?.room?.epoch ?? 0;
    await passWith(14_000, ["n1"], () => [position(epoch, 2, [annId])]);
    expect(changes()).toEqual(["participantJoined", "participantJoined"]);
    await passWith(8_000, ["n1"], () => [position(epoch, 2, [annId])]);
    expect(changes()).toEqual(["participantJoined", "participantJoined", "participantLeft"]);
    expect(events.at(-1)?.change).toMatchObject({ value: { reason: LeaveReason.TIMED_OUT } });
    expect((await islb.getRoom({ roomId: "r" })).participantCount).toBe(1);
  });

  test("a node that was restarted at once loses its ghosts, although it does not know the room", async () => {
    await report(islb, "n1");
    await islb.join(joinRequest("r", "ann"));
    await passWith(17_000, ["n1"]);
    expect(changes()).toEqual(["participantJoined", "participantLeft"]);
    expect(await fixture.registry.rooms("n1")).toEqual([]);
  });

  test("a node is told of participants that it should not hold", async () => {
    await report(islb, "n1");
    const ann = await islb.join(joinRequest("r", "ann"));
    const again = await islb.join(joinRequest("r", "ann"));
    const [oldId, newId] = [ann.participant?.participantId ?? "", again.participant?.participantId ?? ""];
    const epoch = ann.room?.room?.epoch ?? 0;
    const answer = await report(islb, "n1", [position(epoch, 3, [oldId, newId, "unknown"])]);
    expect(answer.corrections).toEqual([
      {
        roomId: "r",
        gone: [{ participantId: oldId, reason: LeaveReason.REPLACED }],
        missingParticipantIds: ["unknown"],
      },
    ]);
    const lost = await report(islb, "n1", [position(7, 3, ["x"], "lost-room")]);
    expect(lost.corrections).toEqual([{ roomId: "lost-room", gone: [], missingParticipantIds: ["x"] }]);
    expect(lost.staleRoomIds).toEqual([]);
  });
});

describe("lost nodes", () => {
  let annId: string;
  let bobId: string;
  async function joinOn(nodeId: string, identity: string): Promise<string> {
    await report(islb, nodeId);
    const { participant } = await islb.join(joinRequest("r", identity, { nodeId }));
    return participant?.participantId ?? "";
  }
  beforeEach(async () => {
    await fixture.close();
    await open({ settings: { placement: "pinned" } });
    annId = await joinOn("n1", "a");
    bobId = await joinOn("n2", "b");
    // From here on the store has been reachable for long enough.
    await passWith(6_000, ["n1", "n2"]);
    events.length = 0;
  });

  test("their participants are removed when they have not gone elsewhere in time; others stay", async () => {
    const rooms = () => [position(0, 0, [bobId])];
    await passWith(14_000, ["n2"], rooms);
    expect(events).toEqual([]);
    await passWith(4_000, ["n2"], rooms);
    expect(events.map(({ change }) => change)).toMatchObject([
      { $case: "participantLeft", value: { reason: LeaveReason.NODE_LOST } },
    ]);
    expect((await islb.getRoom({ roomId: "r" })).participantCount).toBe(1);
    expect((await fixture.registry.list()).map(({ node }) => node.nodeId)).toEqual(["n2"]);
    await passWith(20_000, ["n2"], rooms);
    expect(events).toHaveLength(1);
  });

  const moveAnn = (onlyIfLost: boolean, islbToAsk = islb) =>
    islbToAsk.moveParticipant({
      ...{ roomId: "r", participantId: annId, region: "", onlyIfLost },
      fromAddress: makeNode("n1").grpcAddress,
    });

  test("a node that says goodbye gets nobody, and whom it leaves behind may go elsewhere at once", async () => {
    await islb.removeNode({ nodeId: "n1" });
    expect((await islb.listNodes({})).nodes.map(({ nodeId }) => nodeId)).toEqual(["n2"]);
    const moved = await moveAnn(true);
    expect(moved.participant).toMatchObject({ participantId: annId, nodeId: "n2" });
    expect(moved.node?.nodeId).toBe("n2");
    await passWith(1_000, ["n2"]);
    expect((await fixture.registry.list()).map(({ node }) => node.nodeId)).toEqual(["n2"]);
    await islb.removeNode({ nodeId: "n1" });
  });

  test("are waited for, then their participants go elsewhere, and the rooms are fenced once", async () => {
    const { epoch: before = 0 } = (await islb.getRoom({ roomId: "r" })).room ?? {};
    const other = await fixture.startIslb();
    await passWith(5_000, ["n1", "n2"]);
    await report(islb, "n1");
    await fixture.clock.advanceAsync(500);
    const moves = [moveAnn(true), moveAnn(true, other)];
    let settled = 0;
    for (const move of moves) void move.then(() => (settled += 1));
    await passWith(1_000, ["n2"]);
    expect(settled).toBe(0);
    await passWith(1_000, ["n2"]);
    const [one, two] = await Promise.all(moves);
    expect([one?.participant?.nodeId, two?.participant?.nodeId]).toEqual(["n2", "n2"]);
    expect(events.filter(({ change }) => change?.$case === "participantMoved")).toHaveLength(1);
    const { epoch = 0 } = (await islb.getRoom({ roomId: "r" })).room ?? {};
    expect(epoch).toBeGreaterThan(before);
    const late = { roomId: "r", epoch, track: trackOf(annId, "t", "n1") };
    await expect(islb.publishTrack(late)).rejects.toMatchObject({ code: "PARTICIPANT_MOVED" });
    await expect(islb.publishTrack({ ...late, epoch: before })).rejects.toMatchObject({ code: "STALE_EPOCH" });
    // It was only frozen: it is told that its participant is elsewhere.
    const answer = await report(islb, "n1", [position(before, 2, [annId])]);
    expect(answer.corrections).toEqual([
      {
        roomId: "r",
        gone: [{ participantId: annId, reason: LeaveReason.UNSPECIFIED }],
        missingParticipantIds: [],
      },
    ]);
  });

  test("nobody is moved from a node that lives, unless its client says that it has to go", async () => {
    const refused = expect(moveAnn(true)).rejects.toMatchObject({ code: "SFU_UNAVAILABLE", retryable: true });
    await passWith(3_000, ["n1", "n2"]);
    await refused;
    expect((await moveAnn(false)).participant?.nodeId).toBe("n2");
  });

  test("nobody is moved while the store says little", async () => {
    fixture.storeIsAway = true;
    await expect(moveAnn(true)).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    await fixture.clock.advanceAsync(60_000);
    fixture.storeIsAway = false;
    await expect(moveAnn(true)).rejects.toMatchObject({ code: "STORE_UNAVAILABLE", retryable: true });
    await passWith(5_000, ["n2"]);
    expect((await moveAnn(true)).participant?.nodeId).toBe("n2");
  });

  test("who was replaced or removed is told so", async () => {
    const again = await islb.join(joinRequest("r", "a", { nodeId: "n2" }));
    expect(again.replacedNode?.nodeId).toBe("n1");
    await expect(moveAnn(true)).rejects.toMatchObject({ code: "SESSION_REPLACED", retryable: false });
    const find = islb.findParticipant({ roomId: "r", participantId: annId });
    await expect(find).rejects.toMatchObject({ code: "SESSION_REPLACED" });
    const reason = LeaveReason.REMOVED;
    await islb.leave({ roomId: "r", participantId: bobId, epoch: 0, reason, nodeId: "" });
    const findBob = islb.findParticipant({ roomId: "r", participantId: bobId });
    await expect(findBob).rejects.toMatchObject({ code: "PARTICIPANT_REMOVED" });
  });

  test("nobody is removed because the store was away", async () => {
    fixture.storeIsAway = true;
    for (let i = 0; i < 60; i += 1) {
      await expect(report(islb, "n1")).rejects.toMatchObject({ code: "STORE_UNAVAILABLE", retryable: true });
      await fixture.clock.advanceAsync(1_000);
    }
    await expect(islb.join(joinRequest("r", "c"))).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    fixture.storeIsAway = false;
    // Both leases ran out a minute ago. n1 takes some seconds to come back, n2 never does.
    await fixture.clock.advanceAsync(4_000);
    expect(events).toEqual([]);
    await passWith(25_000, ["n1"], () => [position(0, 0, [annId])]);
    expect(events.map(({ change }) => change)).toMatchObject([{ value: { reason: LeaveReason.NODE_LOST } }]);
    expect((await islb.getRoom({ roomId: "r" })).participantCount).toBe(1);
  });

  test("nor because no islb was there", async () => {
    await fixture.closeIslbs();
    await fixture.clock.advanceAsync(60_000);
    islb = await fixture.startIslb();
    await fixture.clock.advanceAsync(4_000);
    await passWith(10_000, ["n1", "n2"], () => [position(0, 0, [annId])]);
    expect(events.filter(({ change }) => change?.$case === "participantLeft")).toHaveLength(1);
    expect((await islb.getRoom({ roomId: "r" })).participantCount).toBe(1);
  });

  test("nor because islb stood still", async () => {
    await fixture.closeIslbs();
    const clock = new FreezableClock(fixture.clock);
    const only = fixture.makeIslb(clock);
    await only.start();
    islb = only.service;
    const rooms = () => [position(0, 0, [annId])];
    await passWith(25_000, ["n1"], rooms);
    expect(events).toHaveLength(1);
    clock.freeze();
    await fixture.clock.advanceAsync(60_000);
    clock.thaw();
    await fixture.clock.advanceAsync(4_000);
    await passWith(5_000, ["n1"], rooms);
    expect(events).toHaveLength(1);
    await passWith(20_000, []);
    expect(events).toHaveLength(2);
  });

  test("a node that answers is not lost, though it cannot report", async () => {
    let answers = true;
    await fixture.close();
    await open({
      probe: ({ nodeId }) => (nodeId === "n1" ? Promise.resolve(answers) : Promise.reject(new Error("refused"))),
    });
    await report(islb, "n1");
    await islb.join(joinRequest("r", "a"));
    await fixture.clock.advanceAsync(30_000);
    expect((await islb.getRoom({ roomId: "r" })).participantCount).toBe(1);
    answers = false;
    await fixture.clock.advanceAsync(17_000);
    expect((await islb.getRoom({ roomId: "r" })).participantCount).toBe(0);
  });
});

test("metrics and readiness tell what happens", async () => {
  const own = fixture.makeIslb();
  expect(own.findUnreadiness()).toBe("the store cannot be reached");
  await own.start();
  expect(own.findUnreadiness()).toBeUndefined();
  await own.service.reportNode({ node: makeNode("n1"), rooms: [] });
  await own.service.join(joinRequest("r", "a"));
  await expect(own.service.getRoom({ roomId: "nowhere" })).rejects.toThrow();
  const text = await own.metrics.metrics();
  expect(text).toContain('cation_islb_calls_total{method="Join",code="OK",service="islb"} 1');
  expect(text).toContain('cation_islb_calls_total{method="GetRoom",code="ROOM_NOT_FOUND",service="islb"} 1');
  expect(text).toContain('cation_islb_room_events_total{change="participantJoined",service="islb"} 1');
  expect(text).toContain('cation_islb_room_events_dropped_total{service="islb"} 0');
  fixture.storeIsAway = true;
  await expect(own.service.getRoom({ roomId: "r" })).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
  expect(own.findUnreadiness()).toBe("the store cannot be reached");
  fixture.storeIsAway = false;
});

/** Time as a process sees it that is stopped (SIGSTOP) and continued: timers that were due meanwhile fire at the end. */
class FreezableClock implements Clock {
  readonly #clock: Clock;
  #held: (() => void)[] | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  nowMs(): number {
    return this.#clock.nowMs();
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs();
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    return this.#clock.setTimer(delayMs, () => (this.#held ? void this.#held.push(callback) : callback()));
  }

  freeze(): void {
    this.#held = [];
  }

  thaw(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const callback of held) callback();
  }
}
