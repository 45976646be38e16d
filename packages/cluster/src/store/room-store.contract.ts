import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { LeaveReason } from "@cation/proto/state/v1/state";
import type { Participant, RelayPlan, RoomEvent, RoomSnapshot, Track } from "@cation/proto/state/v1/state";
import { CodedError } from "@cation/service-kit/coded-error";
import { diffPlans } from "../relay-plan.ts";
import { RoomReplica } from "../room-replica.ts";
import { byTrackId, makeParticipant, makeTrack, sorted } from "../testing/records.ts";
import { mulberry32 } from "../testing/seeded-random.ts";
import type { RoomStore, RoomStoreOptions, StoredChange } from "./room-store.ts";

/** How a test reaches a store. */
export interface RoomStoreFixture {
  readonly store: RoomStore;
  /** Lets the store's clock go on. */
  advance(durationMs: number): Promise<void>;
  close(): Promise<void>;
}

/** Short times, so that the suite can wait for them. */
export const CONTRACT_ROOM_STORE_OPTIONS: RoomStoreOptions = {
  emptyRoomGraceMs: 150,
  roomTtlMs: 400,
  departedMemoryMs: 300,
  maxTracksPerParticipant: 3,
};

const ODD_IDS = [
  "a b",
  "{x}",
  "}y{",
  "ro:om",
  "été",
  "日本語",
  "😀",
  "%00",
  "\u0000",
  "a\nb",
  "*",
  "",
  "x".repeat(300),
];

/** Every room store passes this. */
export function roomStoreContract(open: (options: RoomStoreOptions) => Promise<RoomStoreFixture>): void {
  let fixture: RoomStoreFixture;
  let store: RoomStore;
  beforeEach(async () => {
    fixture = await open(CONTRACT_ROOM_STORE_OPTIONS);
    store = fixture.store;
  });
  afterEach(() => fixture.close());

  const join = (roomId: string, id: string, overrides: Partial<Participant> = {}, maxParticipants = 0) =>
    store.joinRoom({ roomId, participant: makeParticipant(id, overrides), maxParticipants });
  const leave = (roomId: string, id: string, epoch = 0) =>
    store.leaveRoom({ roomId, participantId: `p-${id}`, epoch, reason: LeaveReason.LEFT });
  const publish = (roomId: string, track: Track, epoch = 0) => store.publishTrack({ roomId, epoch, track });
  const read = async (roomId: string): Promise<RoomSnapshot> => {
    const snapshot = await store.readRoom(roomId);
    if (!snapshot) throw new Error(`no room ${roomId}`);
    return snapshot;
  };
  const listRoster = async (roomId: string): Promise<string[]> =>
    ((await store.readRoster(roomId, "", 10_000))?.participants ?? []).map((each) => each.participantId);

  describe("moving", () => {
    const move = (id: string, fromNodeId: string, toNodeId: string) =>
      store.moveParticipant({ roomId: "r", participantId: `p-${id}`, fromNodeId, toNodeId });

    test("keeps participant and tracks, and says so", async () => {
      await join("r", "a", { nodeId: "n1" });
      await publish("r", makeTrack("t", "a", { nodeId: "n1" }));
      const moved = await move("a", "n1", "n2");
      expect(moved.participant).toEqual(makeParticipant("a", { nodeId: "n2" }));
      expect(moved.events.map(({ version, change }) => [version, change])).toEqual([
        [3, { $case: "participantMoved", value: moved.participant }],
      ]);
      expect(moved.room.tracks.map(({ nodeId }) => nodeId)).toEqual(["n1"]);
      expect(moved.room.participants).toEqual([moved.participant]);
      expect((await store.readOccupancy("r"))?.nodes).toEqual(new Map([["n2", 1]]));
      expect((await store.removeNode("r", "n1", LeaveReason.NODE_LOST)).events).toEqual([]);
    });

    test("happens once", async () => {
      await join("r", "a", { nodeId: "n1" });
      await move("a", "n1", "n2");
      const second = await move("a", "n1", "n3");
      expect(second.events).toEqual([]);
      expect(second.participant.nodeId).toBe("n2");
      await expect(move("nobody", "n1", "n2")).rejects.toMatchObject({ code: "PARTICIPANT_NOT_FOUND" });
    });

    test("fences the node that was left", async () => {
      await join("r", "a", { nodeId: "n1" });
      const track = makeTrack("t", "a", { nodeId: "n1" });
      await publish("r", track);
      await move("a", "n1", "n2");
      await expect(publish("r", { ...track, name: "late" })).rejects.toMatchObject({ code: "PARTICIPANT_MOVED" });
      const { trackId } = track;
      expect((await store.unpublishTrack({ roomId: "r", epoch: 0, trackId, nodeId: "n1" })).events).toEqual([]);
      const leaving = { roomId: "r", participantId: "p-a", epoch: 0, reason: LeaveReason.TIMED_OUT };
      expect((await store.leaveRoom({ ...leaving, nodeId: "n1" })).events).toEqual([]);
      const gone = await store.reconcileNode({
        ...{ roomId: "r", nodeId: "n1", epoch: 0, graceMs: 0 },
        participantIds: ["p-a"],
      });
      expect(gone.gone).toEqual([{ participantId: "p-a", reason: LeaveReason.UNSPECIFIED }]);
      await publish("r", { ...track, nodeId: "n2" });
      expect((await read("r")).tracks.map(({ nodeId }) => nodeId)).toEqual(["n2"]);
      expect((await store.leaveRoom({ ...leaving, nodeId: "n2" })).events).toHaveLength(1);
    });
  });

  describe("joining", () => {
    test("creates the room and gives it with the event", async () => {
      const joined = await join("r", "a", {}, 5);
      expect(joined.replaced).toBeUndefined();
      expect(joined.version).toBe(1);
      expect(joined.epoch).toBeGreaterThan(0);
      expect(joined.room).toEqual({
        room: {
          roomId: "r",
          epoch: joined.epoch,
          version: 1,
          createdAtMs: expect.any(Number) as number,
          maxParticipants: 5,
        },
        participants: [],
        tracks: [],
        participantCount: 1,
      });
      expect(joined.events).toEqual([
        {
          roomId: "r",
          epoch: joined.epoch,
          version: 1,
          change: { $case: "participantJoined", value: makeParticipant("a") },
          publisher: undefined,
          participantCount: 1,
        },
      ]);
      expect(await store.readRoom("r")).toEqual(joined.room);
      expect(await store.readParticipant("r", "p-a")).toEqual({
        participant: makeParticipant("a"),
        epoch: joined.epoch,
      });
    });

    test("shows those who publish and counts the others", async () => {
      await join("r", "a");
      await join("r", "b");
      await publish("r", makeTrack("1", "a"));
      await publish("r", makeTrack("2", "a", { muted: true }));
      const { room } = await join("r", "c");
      expect(room.participants).toEqual([makeParticipant("a")]);
      expect(room.tracks.toSorted(byTrackId)).toEqual([makeTrack("1", "a"), makeTrack("2", "a", { muted: true })]);
      expect(room.participantCount).toBe(3);
    });

    test("replaces the same identity, with its tracks", async () => {
      await join("r", "a");
      await publish("r", makeTrack("1", "a"));
      const again = await join("r", "a2", { identity: "i-a", nodeId: "n2" });
      expect(again.replaced).toEqual(makeParticipant("a"));
      expect(again.events.map(({ version, participantCount, change }) => [version, participantCount, change])).toEqual([
        [3, 0, { $case: "participantLeft", value: { participantId: "p-a", reason: LeaveReason.REPLACED } }],
        [4, 1, { $case: "participantJoined", value: makeParticipant("a2", { identity: "i-a", nodeId: "n2" }) }],
      ]);
      expect(again.room).toMatchObject({ participants: [], tracks: [], participantCount: 1 });
      expect(await listRoster("r")).toEqual(["p-a2"]);
      expect(await store.readParticipant("r", "p-a")).toBeUndefined();
    });

    test("changes nothing when repeated", async () => {
      const first = await join("r", "a");
      const second = await join("r", "a");
      expect(second).toEqual({ ...first, events: [] });
    });

    test("refuses a participant id that another identity has", async () => {
      await join("r", "a");
      await expectCode(join("r", "a", { identity: "other" }), "PERMISSION_DENIED");
      expect(await listRoster("r")).toEqual(["p-a"]);
    });

    test("keeps the limit that the room was made with; a replacement needs no space", async () => {
      await join("r", "a", {}, 2);
      await join("r", "b", {}, 100);
      await expectCode(join("r", "c"), "ROOM_FULL");
      await join("r", "a2", { identity: "i-a" });
      await leave("r", "b");
      await join("r", "c");
      expect(await listRoster("r")).toEqual(["p-a2", "p-c"]);
    });

    test("a hundred at once into a room for ten", async () => {
      const results = await Promise.allSettled(Array.from({ length: 100 }, (_, i) => join("r", `${i}`, {}, 10)));
      const joined = results.filter((result) => result.status === "fulfilled").map(({ value }) => value);
      const refused = results.filter((result) => result.status === "rejected");
      expect(joined).toHaveLength(10);
      expect(refused.every(({ reason }) => (reason as CodedError).code === "ROOM_FULL")).toBe(true);
      expectSequence(joined, 10);
      expect(await listRoster("r")).toHaveLength(10);
    });

    test("one identity from many places at once: one stays", async () => {
      const joined = await Promise.all(Array.from({ length: 50 }, (_, i) => join("r", `${i}`, { identity: "same" })));
      const events = expectSequence(joined, 99);
      const last = events.at(-1)?.change;
      const stays = last?.$case === "participantJoined" ? last.value.participantId : "";
      expect(await listRoster("r")).toEqual([stays]);
      expect(joined.filter(({ replaced }) => replaced === undefined)).toHaveLength(1);
      expect((await read("r")).participantCount).toBe(1);
    });
  });

  describe("leaving", () => {
    test("removes the participant and its tracks in one event", async () => {
      await join("r", "a");
      await join("r", "b");
      await publish("r", makeTrack("1", "a"));
      await publish("r", makeTrack("2", "a"));
      const left = await leave("r", "a");
      expect(left.events.map(({ version, participantCount, change }) => [version, participantCount, change])).toEqual([
        [5, 1, { $case: "participantLeft", value: { participantId: "p-a", reason: LeaveReason.LEFT } }],
      ]);
      expect(await read("r")).toMatchObject({ participants: [], tracks: [], participantCount: 1 });
      expect(await store.readParticipant("r", "p-a")).toBeUndefined();
      expect(await listRoster("r")).toEqual(["p-b"]);
      expect((await store.readOccupancy("r"))?.nodes).toEqual(new Map([["n1", 1]]));
    });

    test("twice, or without the room, changes nothing", async () => {
      const { epoch } = await join("r", "a");
      await leave("r", "a");
      expect(await leave("r", "a", 1)).toEqual({ epoch, version: 2, events: [] });
      expect(await leave("nowhere", "a", 7)).toEqual({ epoch: 0, version: 0, events: [] });
    });
  });

  describe("tracks", () => {
    test("are published, replaced, muted and unpublished, one version each", async () => {
      await join("r", "a");
      const track = makeTrack("1", "a");
      const published = await publish("r", track);
      expect(published.events).toMatchObject([
        { version: 2, change: { $case: "trackPublished", value: track }, publisher: makeParticipant("a") },
      ]);
      expect((await publish("r", track)).events).toEqual([]);
      const renamed = { ...track, name: "other" };
      expect((await publish("r", renamed)).events).toMatchObject([
        { version: 3, change: { $case: "trackPublished", value: renamed } },
      ]);
      const mute = (muted: boolean) => store.setTrackMuted({ roomId: "r", epoch: 0, trackId: "t-1", muted });
      expect((await mute(true)).events.map(({ change }) => change)).toEqual([
        { $case: "trackMuted", value: { trackId: "t-1", participantId: "p-a", muted: true } },
      ]);
      expect(await mute(true)).toMatchObject({ version: 4, events: [] });
      expect((await read("r")).tracks).toEqual([{ ...renamed, muted: true }]);
      expect((await mute(false)).version).toBe(5);
      const unpublish = () => store.unpublishTrack({ roomId: "r", epoch: 0, trackId: "t-1" });
      expect((await unpublish()).events.map(({ change }) => change)).toEqual([
        { $case: "trackUnpublished", value: { trackId: "t-1", participantId: "p-a" } },
      ]);
      expect(await unpublish()).toMatchObject({ version: 6, events: [] });
      expect(await read("r")).toMatchObject({ participants: [], tracks: [] });
    });

    test("say what is missing", async () => {
      await expectCode(publish("nowhere", makeTrack("1", "a")), "PARTICIPANT_NOT_FOUND");
      await join("r", "a");
      await expectCode(publish("r", makeTrack("1", "b")), "PARTICIPANT_NOT_FOUND");
      const mute = (roomId: string) => store.setTrackMuted({ roomId, epoch: 0, trackId: "t-1", muted: true });
      await expectCode(mute("r"), "TRACK_NOT_FOUND");
      await expectCode(mute("nowhere"), "TRACK_NOT_FOUND");
      expect(await store.unpublishTrack({ roomId: "nowhere", epoch: 9, trackId: "t" })).toMatchObject({ events: [] });
    });

    test("cannot be taken from another participant", async () => {
      await join("r", "a");
      await join("r", "b");
      await publish("r", makeTrack("1", "a"));
      await expectCode(publish("r", makeTrack("1", "b")), "PERMISSION_DENIED");
      expect((await read("r")).tracks).toEqual([makeTrack("1", "a")]);
    });

    test("are limited for each participant", async () => {
      await join("r", "a");
      for (const id of ["1", "2", "3"]) await publish("r", makeTrack(id, "a"));
      await expectCode(publish("r", makeTrack("4", "a")), "TRACK_LIMIT");
      await publish("r", makeTrack("3", "a", { muted: true }));
      await store.unpublishTrack({ roomId: "r", epoch: 0, trackId: "t-1" });
      await publish("r", makeTrack("4", "a"));
      expect((await read("r")).tracks.map(({ trackId }) => trackId).toSorted()).toEqual(["t-2", "t-3", "t-4"]);
    });
  });

  describe("the relay plan", () => {
    const planOf = (version: number, ...nodeIds: string[]) => ({
      version,
      nodes: nodeIds.map((nodeId, i) => ({ nodeId, parentNodeId: i === 0 ? "" : (nodeIds[0] ?? "") })),
    });
    const set = (plan: RelayPlan, before?: RelayPlan, epoch = 0) =>
      store.setRelayPlan({ roomId: "r", epoch, plan, change: diffPlans(before, plan) });

    test("is part of the room, and only the next one takes its place", async () => {
      await join("r", "a");
      expect((await read("r")).relayPlan).toBeUndefined();
      const first = planOf(1, "n1", "é");
      const stored = await set(first);
      expect(stored.events).toMatchObject([
        { version: 2, change: { $case: "relayPlanChanged", value: diffPlans(undefined, first) }, participantCount: 1 },
      ]);
      expect((await read("r")).relayPlan).toEqual(first);
      for (const version of [1, 3]) expect((await set(planOf(version, "n9"), first)).events).toEqual([]);
      const second = planOf(2, "n1", "n2");
      await set(second, first);
      expect((await read("r")).relayPlan).toEqual(second);
      expect((await join("r", "b")).room.relayPlan).toEqual(second);
      expect((await read("r")).room?.version).toBe(4);
    });

    test("is fenced, and nothing without a room", async () => {
      expect((await set(planOf(1, "n1"))).events).toEqual([]);
      const { epoch } = await join("r", "a");
      await store.raiseEpoch("r");
      await expectCode(set(planOf(1, "n1"), undefined, epoch), "STALE_EPOCH");
      expect((await read("r")).relayPlan).toBeUndefined();
    });

    test("reaches a replica by its changes", async () => {
      const replica = new RoomReplica("r");
      await join("r", "a");
      replica.applySnapshot(await read("r"));
      let before: RelayPlan | undefined;
      for (const plan of [planOf(1, "n1", "n2", "n3"), planOf(2, "n1", "n3", "n4"), planOf(3, "n3")]) {
        for (const event of (await set(plan, before)).events) expect(replica.applyEvent(event)).toBe("applied");
        expect(replica.relayPlan).toEqual(plan);
        before = plan;
      }
    });
  });

  describe("epochs", () => {
    test("fence every change", async () => {
      const { epoch } = await join("r", "a");
      await publish("r", makeTrack("1", "a"), epoch);
      const raised = await store.raiseEpoch("r");
      expect(raised?.epoch).toBeGreaterThan(epoch);
      expect(raised?.version).toBe(2);
      await expectCode(publish("r", makeTrack("2", "a"), epoch), "STALE_EPOCH");
      await expectCode(store.setTrackMuted({ roomId: "r", epoch, trackId: "t-1", muted: true }), "STALE_EPOCH");
      await expectCode(store.unpublishTrack({ roomId: "r", epoch, trackId: "t-1" }), "STALE_EPOCH");
      await expectCode(leave("r", "a", epoch), "STALE_EPOCH");
      expect((await read("r")).room).toMatchObject({ version: 2, epoch: raised?.epoch });
      const after = await publish("r", makeTrack("2", "a"), raised?.epoch);
      expect(after).toMatchObject({ epoch: raised?.epoch, version: 3 });
      expect(after.events[0]?.epoch).toBe(raised?.epoch);
    });

    test("above the room's raise it above them", async () => {
      const { epoch } = await join("r", "a");
      const future = epoch + 1_000_000;
      await expectCode(publish("r", makeTrack("1", "a"), future), "STALE_EPOCH");
      const { room } = await read("r");
      expect(room?.epoch).toBeGreaterThan(future);
      await publish("r", makeTrack("1", "a"), room?.epoch);
    });

    test("are raised where lost records are brought back, and what is there stays", async () => {
      const lost = await join("r", "a");
      const room = { roomId: "r", epoch: lost.epoch + 1_000, version: 9, createdAtMs: 1, maxParticipants: 7 };
      const participants = [makeParticipant("a"), makeParticipant("b"), makeParticipant("c", { identity: "i-b" })];
      const tracks = [makeTrack("t1", "b"), makeTrack("t2", "nobody"), makeTrack("t3", "b", { nodeId: "elsewhere" })];
      const restored = await store.restoreRoom({ room, participants, tracks });
      expect(restored.restored).toBe(1);
      expect(restored.gone).toEqual([{ participantId: "p-c", reason: LeaveReason.REPLACED }]);
      expect(restored.epoch).toBeGreaterThan(room.epoch);
      expect(await listRoster("r")).toEqual(["p-a", "p-b"]);
      expect((await read("r")).tracks.map(({ trackId }) => trackId)).toEqual([makeTrack("t1", "b").trackId]);
      const again = await store.restoreRoom({ room, participants: [makeParticipant("b")], tracks });
      expect(again).toMatchObject({ restored: 0, epoch: restored.epoch, version: restored.version, gone: [] });
    });

    test("bring back a room that is not there, but nobody who left", async () => {
      const room = { roomId: "new", epoch: 5, version: 9, createdAtMs: 1, maxParticipants: 7 };
      const restored = await store.restoreRoom({ room, participants: [makeParticipant("a")], tracks: [] });
      expect(restored.epoch).toBeGreaterThan(5);
      expect((await read("new")).room?.maxParticipants).toBe(7);
      await join("new", "z");
      await leave("new", "a");
      const late = await store.restoreRoom({ room, participants: [makeParticipant("a")], tracks: [] });
      expect(late).toMatchObject({ restored: 0, gone: [{ participantId: "p-a", reason: LeaveReason.LEFT }] });
      expect(await store.readDeparture("new", "p-a")).toBe(LeaveReason.LEFT);
      expect(await store.readDeparture("new", "p-z")).toBeUndefined();
    });

    test("of a room that is made again are higher", async () => {
      const { epoch } = await join("r", "a");
      await leave("r", "a");
      await fixture.advance(CONTRACT_ROOM_STORE_OPTIONS.emptyRoomGraceMs + 50);
      const again = await join("r", "a");
      expect(again.epoch).toBeGreaterThan(epoch);
      expect(again.version).toBe(1);
    });

    test("do not exist without the room", async () => {
      expect(await store.raiseEpoch("nowhere")).toBeUndefined();
    });
  });

  describe("reading", () => {
    test("says when there is no such room", async () => {
      expect(await store.readRoom("r")).toBeUndefined();
      expect(await store.readRoster("r", "", 10)).toBeUndefined();
      expect(await store.readOccupancy("r")).toBeUndefined();
      expect(await store.readParticipant("r", "p")).toBeUndefined();
    });

    test("pages through the roster in the order of ids", async () => {
      const ids = ["b", "a", "ä", "😀", "\uffff", "z", "B"];
      for (const id of ids) await join("r", id);
      const expected = ids.map((id) => `p-${id}`).toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      const seen: string[] = [];
      let after = "";
      do {
        const page = await store.readRoster("r", after, 3);
        seen.push(...(page?.participants ?? []).map(({ participantId }) => participantId));
        after = page?.next ?? "";
      } while (after !== "");
      expect(seen).toEqual(expected);
      expect(await store.readRoster("r", "p-zz", 1)).toMatchObject({ participants: [{ participantId: "p-ä" }] });
      expect((await store.readRoster("r", "", 7))?.next).toBe("");
    });

    test("tells where rooms stand", async () => {
      const { epoch } = await join("r", "a");
      await join("r", "b");
      await join("s", "a");
      const points = await store.readPoints(["s", "nowhere", "r"]);
      expect(points).toMatchObject([{ version: 1 }, undefined, { epoch, version: 2 }]);
      expect(await store.readPoints([])).toEqual([]);
    });

    test("tells how a room is spread", async () => {
      await join("r", "a", {}, 50);
      await join("r", "b", { nodeId: "n2" });
      await join("r", "c", { nodeId: "n2" });
      expect(await store.readOccupancy("r")).toEqual({
        participants: 3,
        maxParticipants: 50,
        nodes: new Map([
          ["n1", 1],
          ["n2", 2],
        ]),
      });
    });

    test("gives copies", async () => {
      const { room } = await join("r", "a");
      await publish("r", makeTrack("1", "a"));
      room.participantCount = 99;
      const first = await read("r");
      first.tracks.pop();
      (first.participants[0] as Participant).name = "changed";
      expect((await read("r")).participants).toEqual([makeParticipant("a")]);
      expect((await read("r")).tracks).toHaveLength(1);
    });
  });

  describe("what a node holds", () => {
    const reconcile = (roomId: string, nodeId: string, ids: string[], epoch = 0, graceMs = 0) =>
      store.reconcileNode({ roomId, nodeId, epoch, participantIds: ids.map((id) => `p-${id}`), graceMs });

    test("removes ghosts and leaves other nodes alone", async () => {
      await join("r", "a");
      await join("r", "b");
      await join("r", "c", { nodeId: "n2" });
      await fixture.advance(20);
      const result = await reconcile("r", "n1", ["a"]);
      expect(result.events.map(({ version, participantCount, change }) => [version, participantCount, change])).toEqual(
        [[4, 2, { $case: "participantLeft", value: { participantId: "p-b", reason: LeaveReason.TIMED_OUT } }]],
      );
      expect(result).toMatchObject({ exists: true, gone: [], missing: [], participantsOnNode: 1 });
      expect(await listRoster("r")).toEqual(["p-a", "p-c"]);
    });

    test("gives joins under way their time", async () => {
      await join("r", "a");
      expect(await reconcile("r", "n1", [], 0, 200)).toMatchObject({ events: [], participantsOnNode: 1 });
      await fixture.advance(250);
      expect((await reconcile("r", "n1", [], 0, 200)).events).toHaveLength(1);
    });

    test("removes several with a version each", async () => {
      for (const id of ["a", "b", "c", "d"]) await join("r", id);
      await fixture.advance(20);
      const result = await reconcile("r", "n1", ["b"]);
      expectSequence([result], 3, 4);
      expect(result.events.map(({ participantCount }) => participantCount)).toEqual([3, 2, 1]);
    });

    test("removes nothing on the word of a node that is behind", async () => {
      const { epoch } = await join("r", "a");
      await fixture.advance(20);
      const raised = await store.raiseEpoch("r");
      expect(await reconcile("r", "n1", [], epoch)).toMatchObject({ events: [], epoch: raised?.epoch });
      const future = (raised?.epoch ?? 0) + 1_000_000;
      const after = await reconcile("r", "n1", [], future);
      expect(after.events).toEqual([]);
      expect(after.epoch).toBeGreaterThan(future);
      expect((await reconcile("r", "n1", [], after.epoch)).events).toHaveLength(1);
    });

    test("tells which of its participants left, live elsewhere, or are unknown", async () => {
      await join("r", "a");
      await join("r", "b");
      await join("r", "c", { nodeId: "n2" });
      await leave("r", "a");
      await join("r", "b2", { identity: "i-b" });
      const result = await reconcile("r", "n1", ["a", "b", "b2", "c", "x", "x"]);
      expect(result.gone.toSorted((x, y) => (x.participantId < y.participantId ? -1 : 1))).toEqual([
        { participantId: "p-a", reason: LeaveReason.LEFT },
        { participantId: "p-b", reason: LeaveReason.REPLACED },
        { participantId: "p-c", reason: LeaveReason.UNSPECIFIED },
      ]);
      expect(result.missing).toEqual(["p-x"]);
      expect(await reconcile("nowhere", "n1", ["x", "x"])).toEqual({
        epoch: 0,
        version: 0,
        events: [],
        exists: false,
        gone: [],
        missing: ["p-x"],
        participantsOnNode: 0,
      });
    });

    test("forgets departures after a while", async () => {
      await join("r", "a");
      await join("r", "b");
      await leave("r", "a");
      await fixture.advance(CONTRACT_ROOM_STORE_OPTIONS.departedMemoryMs + 50);
      await join("r", "c");
      expect(await reconcile("r", "n1", ["a", "b", "c"])).toMatchObject({ gone: [], missing: ["p-a"] });
    });

    test("is taken away with the node", async () => {
      await join("r", "a");
      await publish("r", makeTrack("1", "a"));
      await join("r", "b");
      await join("r", "c", { nodeId: "n2" });
      const removed = await store.removeNode("r", "n1", LeaveReason.NODE_LOST);
      const events = expectSequence([removed], 2, 4);
      expect(events.map(({ change }) => change?.$case)).toEqual(["participantLeft", "participantLeft"]);
      expect(await read("r")).toMatchObject({ tracks: [], participants: [], participantCount: 1 });
      expect(await store.removeNode("r", "n1", LeaveReason.NODE_LOST)).toMatchObject({ events: [] });
      expect(await store.removeNode("nowhere", "n1", LeaveReason.NODE_LOST)).toMatchObject({ events: [] });
      expect((await reconcile("r", "n1", ["a"])).gone).toEqual([
        { participantId: "p-a", reason: LeaveReason.NODE_LOST },
      ]);
    });
  });

  describe("a room's life", () => {
    const { emptyRoomGraceMs, roomTtlMs } = CONTRACT_ROOM_STORE_OPTIONS;

    test("goes on for a grace after the last has left", async () => {
      await join("r", "a", {}, 1);
      await leave("r", "a");
      expect(await read("r")).toMatchObject({ participantCount: 0, room: { version: 2, maxParticipants: 1 } });
      const again = await join("r", "b");
      expect(again.version).toBe(3);
      await fixture.advance(emptyRoomGraceMs + 50);
      expect(await listRoster("r")).toEqual(["p-b"]);
      await leave("r", "b");
      await fixture.advance(emptyRoomGraceMs + 50);
      expect(await store.readRoom("r")).toBeUndefined();
    });

    test("ends when no node speaks of it, and not before", async () => {
      await join("long", "a");
      await join("orphan", "a");
      await publish("long", makeTrack("1", "a"));
      for (let i = 0; i < 6; i += 1) {
        await fixture.advance(roomTtlMs / 4);
        await store.reconcileNode({
          roomId: "long",
          nodeId: "n1",
          epoch: 0,
          participantIds: ["p-a"],
          graceMs: 0,
        });
      }
      expect(await read("long")).toMatchObject({ participantCount: 1, tracks: [{ trackId: "t-1" }] });
      expect(await listRoster("long")).toEqual(["p-a"]);
      expect(await store.readOccupancy("long")).toMatchObject({ participants: 1, nodes: new Map([["n1", 1]]) });
      expect(await store.readRoom("orphan")).toBeUndefined();
    });
  });

  test("rooms and ids of any text are kept apart", async () => {
    for (const roomId of ODD_IDS) {
      for (const id of ODD_IDS) await join(roomId, id, { nodeId: id });
      await publish(roomId, makeTrack("é{}:😀", ODD_IDS[0] as string, { nodeId: ODD_IDS[0] as string }));
    }
    for (const roomId of ODD_IDS) {
      const snapshot = await read(roomId);
      expect(snapshot.room?.roomId).toBe(roomId);
      expect(snapshot.participantCount).toBe(ODD_IDS.length);
      const [nodeId] = ODD_IDS;
      expect(snapshot.tracks).toEqual([makeTrack("é{}:😀", ODD_IDS[0] as string, { nodeId: nodeId as string })]);
      const occupancy = await store.readOccupancy(roomId);
      expect(occupancy?.nodes).toEqual(new Map(ODD_IDS.map((id) => [id, 1])));
    }
    const gone = await store.removeNode("😀", "}y{", LeaveReason.NODE_LOST);
    expect(gone.events.map(({ change }) => change)).toEqual([
      { $case: "participantLeft", value: { participantId: "p-}y{", reason: LeaveReason.NODE_LOST } },
    ]);
    expect((await read("été")).participantCount).toBe(ODD_IDS.length);
  });

  test("what the events say is what is stored", async () => {
    const random = mulberry32(7);
    const replica = new RoomReplica("r");
    const apply = ({ events }: StoredChange): void => {
      for (const event of events) expect(replica.applyEvent(event)).toBe("applied");
    };
    replica.applySnapshot((await join("r", "first")).room);
    for (let i = 0; i < 300; i += 1) {
      const who = `${Math.floor(random() * 8)}`;
      const what = `${Math.floor(random() * 4)}-${who}`;
      const dice = random();
      const steps: (() => Promise<StoredChange>)[] = [
        () => join("r", who, { participantId: `p-${who}`, nodeId: `n${Math.floor(random() * 3)}` }),
        () => join("r", `${who}-${i}`, { identity: `i-${who}` }),
        () => leave("r", who),
        () => publish("r", makeTrack(what, who, { name: `${Math.floor(random() * 2)}` })),
        () => store.unpublishTrack({ roomId: "r", epoch: 0, trackId: `t-${what}` }),
        () => store.setTrackMuted({ roomId: "r", epoch: 0, trackId: `t-${what}`, muted: random() < 0.5 }),
        () => store.removeNode("r", `n${Math.floor(random() * 3)}`, LeaveReason.NODE_LOST),
      ];
      const change = await steps[Math.floor(dice * 6.2)]?.().catch((error: unknown) => {
        expect(error).toBeInstanceOf(CodedError);
        return undefined;
      });
      if (change) apply(change);
    }
    expect(sorted(replica.snapshot())).toEqual(sorted(await read("r")));
  });
}

async function expectCode(promise: Promise<unknown>, code: string): Promise<void> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(CodedError);
  expect((error as CodedError).code).toBe(code);
}

/** The events of concurrent changes: so many, without gap or repetition after a version. Returns them in order. */
function expectSequence(changes: readonly StoredChange[], count: number, after = 0): RoomEvent[] {
  const events = changes.flatMap((change) => [...change.events]).toSorted((a, b) => a.version - b.version);
  expect(events.map(({ version }) => version)).toEqual(Array.from({ length: count }, (_, i) => after + i + 1));
  return events;
}
