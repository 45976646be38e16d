import fc from "fast-check";
import { expect, test } from "vitest";
import { LeaveReason, RoomSnapshot } from "@cation/proto/state/v1/state";
import type { RoomEvent } from "@cation/proto/state/v1/state";
import { VirtualClock } from "@cation/service-kit/virtual-clock";
import { RoomReplica } from "./room-replica.ts";
import type { RoomChange } from "./room-replica.ts";
import { MemoryRoomStore } from "./store/memory-room-store.ts";
import { makeParticipant, makeTrack, sorted } from "./testing/records.ts";
import { mulberry32 } from "./testing/seeded-random.ts";

/** A room's history: the snapshot before each event, and the events. */
interface History {
  readonly snapshots: RoomSnapshot[];
  readonly events: RoomEvent[];
}

async function makeHistory(seed: number, length: number): Promise<History> {
  const random = mulberry32(seed);
  const clock = new VirtualClock();
  const store = new MemoryRoomStore(clock);
  const pick = (count: number): number => Math.floor(random() * count);
  const first = await store.joinRoom({ roomId: "r", participant: makeParticipant("0"), maxParticipants: 0 });
  const history: History = { snapshots: [first.room], events: [] };
  while (history.events.length < length) {
    const who = `${pick(4)}`;
    const trackId = `t-${who}${pick(2)}`;
    const steps = [
      () => store.joinRoom({ roomId: "r", participant: makeParticipant(who), maxParticipants: 0 }),
      () => store.leaveRoom({ roomId: "r", participantId: `p-${who}`, epoch: 0, reason: LeaveReason.LEFT }),
      () => store.publishTrack({ roomId: "r", epoch: 0, track: makeTrack(`${who}${pick(2)}`, who) }),
      () => store.unpublishTrack({ roomId: "r", epoch: 0, trackId }),
      () => store.setTrackMuted({ roomId: "r", epoch: 0, trackId, muted: random() < 0.5 }),
    ];
    const change = await steps[pick(steps.length)]?.().catch(() => undefined);
    const snapshot = await store.readRoom("r");
    if (!snapshot || change?.events.length !== 1) continue;
    history.events.push(...change.events);
    history.snapshots.push(snapshot);
    if (random() < 0.05) {
      clock.advance(5);
      await store.raiseEpoch("r");
    }
  }
  return history;
}

function content({ room, ...rest }: RoomSnapshot) {
  return { ...sorted({ room: undefined, ...rest }), version: room?.version };
}

test("follows events and tells each change once", async () => {
  const changes: RoomChange["$case"][] = [];
  const replica = new RoomReplica("r", (change) => changes.push(change.$case));
  expect(replica.behind).toBe(true);
  const store = new MemoryRoomStore(new VirtualClock());
  const { room } = await store.joinRoom({ roomId: "r", participant: makeParticipant("a"), maxParticipants: 0 });
  expect(replica.applySnapshot(room)).toBe(true);
  expect(replica.applySnapshot(room)).toBe(false);
  expect(replica.behind).toBe(false);
  const join = await store.joinRoom({ roomId: "r", participant: makeParticipant("b"), maxParticipants: 0 });
  const publish = await store.publishTrack({ roomId: "r", epoch: 0, track: makeTrack("1", "b") });
  const mute = await store.setTrackMuted({ roomId: "r", epoch: 0, trackId: "t-1", muted: true });
  const unpublish = await store.unpublishTrack({ roomId: "r", epoch: 0, trackId: "t-1" });
  for (const event of [...join.events, ...publish.events, ...mute.events]) {
    expect(replica.applyEvent(event)).toBe("applied");
    expect(replica.applyEvent(event)).toBe("duplicate");
  }
  expect(replica.participantCount).toBe(2);
  expect(replica.publishers.get("p-b")).toEqual(makeParticipant("b"));
  expect(replica.tracks.get("t-1")).toEqual(makeTrack("1", "b", { muted: true }));
  for (const event of unpublish.events) replica.applyEvent(event);
  expect(replica.publishers.size).toBe(0);
  expect(changes).toEqual(["reset", "participantJoined", "trackPublished", "trackMuted", "trackUnpublished"]);
});

test("a gap is told, and filled by what comes late or by a snapshot", async () => {
  const { snapshots, events } = await makeHistory(1, 10);
  const [e0, e1, e2, e3] = events as [RoomEvent, RoomEvent, RoomEvent, RoomEvent];
  const replica = new RoomReplica("r");
  replica.applySnapshot(snapshots[0] as RoomSnapshot);
  expect(replica.applyEvent(e1)).toBe("gap");
  expect(replica.behind).toBe(true);
  expect(replica.applyEvent(e0)).toBe("applied");
  expect(replica.behind).toBe(false);
  expect(content(replica.snapshot())).toEqual(content(snapshots[2] as RoomSnapshot));
  expect(replica.applyEvent(e3)).toBe("gap");
  expect(replica.applySnapshot(snapshots[3] as RoomSnapshot)).toBe(true);
  expect(replica.version).toBe(e3.version);
  expect(replica.applyEvent(e2)).toBe("duplicate");
});

test("an event of a newer epoch asks for the room, and older ones are nothing any more", async () => {
  const store = new MemoryRoomStore(new VirtualClock());
  const first = await store.joinRoom({ roomId: "r", participant: makeParticipant("a"), maxParticipants: 0 });
  const replica = new RoomReplica("r");
  replica.applySnapshot(first.room);
  const old = await store.joinRoom({ roomId: "r", participant: makeParticipant("b"), maxParticipants: 0 });
  await store.raiseEpoch("r");
  const next = await store.joinRoom({ roomId: "r", participant: makeParticipant("c"), maxParticipants: 0 });
  expect(replica.applyEvent(next.events[0] as RoomEvent)).toBe("gap");
  expect(replica.behind).toBe(true);
  expect(replica.applySnapshot(old.room)).toBe(true);
  expect(replica.behind).toBe(true);
  expect(replica.applySnapshot(next.room)).toBe(true);
  expect(replica.behind).toBe(false);
  expect(replica.applySnapshot(first.room)).toBe(false);
  expect(replica.applyEvent(old.events[0] as RoomEvent)).toBe("duplicate");
  expect(replica.participantCount).toBe(3);
});

test("events of other rooms and unknown changes are harmless", () => {
  const replica = new RoomReplica("r");
  replica.applySnapshot({
    room: { roomId: "r", epoch: 1, version: 1, createdAtMs: 0, maxParticipants: 0 },
    participants: [],
    tracks: [],
    participantCount: 1,
    relayPlan: undefined,
  });
  const event = { epoch: 1, version: 2, change: undefined, publisher: undefined, participantCount: 4 };
  expect(replica.applyEvent({ ...event, roomId: "other" })).toBe("duplicate");
  expect(replica.applyEvent({ ...event, roomId: "r" })).toBe("applied");
  expect(replica.participantCount).toBe(4);
  expect(replica.applySnapshot(RoomSnapshot.create())).toBe(false);
  replica.applyEvent({ ...event, roomId: "r", version: 3, change: { $case: "roomEnded", value: {} } });
  expect(replica.ended).toBe(true);
});

test("whatever is lost, repeated and reordered, it is at each moment the room at its version, and never goes back", async () => {
  const histories = await Promise.all([1, 2, 3, 4].map((seed) => makeHistory(seed, 40)));
  const message = fc.record({ snapshot: fc.boolean(), index: fc.nat(39), repeat: fc.boolean() });
  fc.assert(
    fc.property(fc.constantFrom(...histories), fc.array(message, { maxLength: 120 }), (history, messages) => {
      const replica = new RoomReplica("r");
      const byVersion = new Map(history.snapshots.map((each) => [each.room?.version, content(each)]));
      let last = { epoch: 0, version: 0 };
      for (const { snapshot, index, repeat } of messages) {
        const apply = (): unknown =>
          snapshot
            ? replica.applySnapshot(history.snapshots[index] as RoomSnapshot)
            : replica.applyEvent(history.events[index] as RoomEvent);
        const result = apply();
        if (repeat) apply();
        if (result === "gap" && replica.epoch > 0) expect(replica.behind).toBe(true);
        if (replica.epoch > 0) expect(content(replica.snapshot())).toEqual(byVersion.get(replica.version));
        expect(replica.epoch).toBeGreaterThanOrEqual(last.epoch);
        if (replica.epoch === last.epoch) expect(replica.version).toBeGreaterThanOrEqual(last.version);
        last = { epoch: replica.epoch, version: replica.version };
      }
      replica.applySnapshot(history.snapshots.at(-1) as RoomSnapshot);
      expect(content(replica.snapshot())).toEqual(content(history.snapshots.at(-1) as RoomSnapshot));
      expect(replica.behind).toBe(false);
    }),
  );
});
