import { InProcessEventBus } from "@cation/cluster/events/in-process-event-bus";
import { subscribeRoomEvents } from "@cation/cluster/events/room-events";
import { RoomReplica } from "@cation/cluster/room-replica";
import { MemoryRoomStore } from "@cation/cluster/store/memory-room-store";
import { makeParticipant, makeTrack } from "@cation/cluster/testing/records";
import { LeaveReason, Room } from "@cation/proto/state/v1/state";
import type { RoomEvent } from "@cation/proto/state/v1/state";
import { VirtualClock } from "@cation/service-kit/virtual-clock";
import { beforeEach, describe, expect, it } from "vitest";
import { EventAnnouncer } from "./event-announcer.ts";

let clock: VirtualClock;
let bus: InProcessEventBus;
let store: MemoryRoomStore;
let announcer: EventAnnouncer;
let replica: RoomReplica;
let events: RoomEvent[];

beforeEach(() => {
  clock = new VirtualClock();
  bus = new InProcessEventBus();
  store = new MemoryRoomStore(clock);
  announcer = new EventAnnouncer(bus, clock);
  replica = new RoomReplica("r");
  events = [];
  subscribeRoomEvents(bus, "r", (event) => {
    events.push(event);
    replica.applyEvent(event);
  });
});

async function join(count: number, from = 0): Promise<void> {
  for (let i = from; i < from + count; i += 1) {
    const joined = await store.joinRoom({ roomId: "r", participant: makeParticipant(String(i)), maxParticipants: 0 });
    if (i === 0) replica.applySnapshot({ ...joined.room, room: Room.create({ ...joined.room.room, version: 0 }) });
    for (const event of joined.events) announcer.publish(event);
  }
}

describe("the changes of a room", () => {
  it("are told one by one and with names while it is small", async () => {
    await join(100);
    await clock.advanceAsync(0);
    expect(bus.stats.published).toBe(100);
    expect(events.at(-1)?.change).toMatchObject({ $case: "participantJoined", value: { participantId: "p-99" } });
  });

  it("are told together and without names when it is large", async () => {
    await join(100);
    await join(900, 100);
    const before = bus.stats.published;
    await clock.advanceAsync(100);
    expect(bus.stats.published - 100).toBeLessThan(5);
    expect(bus.stats.published).toBe(before + 1);
    expect(replica.participantCount).toBe(1_000);
    expect(replica.version).toBe(1_000);
    expect(replica.behind).toBe(false);
    expect(events.at(-1)?.change).toMatchObject({ value: { participantId: "", metadata: "" } });
    expect(clock.pendingTimers).toBe(0);
  });

  it("stay in order: what matters takes along what waits", async () => {
    await join(150);
    const leave = await store.leaveRoom({ roomId: "r", participantId: "p-3", epoch: 0, reason: LeaveReason.REMOVED });
    for (const event of leave.events) announcer.publish(event);
    const track = await store.publishTrack({ roomId: "r", epoch: 0, track: makeTrack("1", "5") });
    for (const event of track.events) announcer.publish(event);
    await clock.advanceAsync(0);
    expect(events.map(({ version }) => version)).toEqual(Array.from({ length: 152 }, (_, i) => i + 1));
    expect(events.at(-2)?.change).toEqual({
      $case: "participantLeft",
      value: { participantId: "p-3", reason: LeaveReason.REMOVED },
    });
    expect(replica.tracks.size).toBe(1);
  });

  it("of two histories do not travel together", async () => {
    await join(120);
    await store.raiseEpoch("r");
    await join(1, 120);
    await clock.advanceAsync(100);
    const [older, newer] = [events.at(-2), events.at(-1)];
    expect(older?.epoch).not.toBe(newer?.epoch);
    expect(newer?.version).toBe(121);
  });

  it("that wait are told at the end", async () => {
    await join(130);
    announcer.close();
    announcer.close();
    await clock.advanceAsync(0);
    expect(replica.participantCount).toBe(130);
    expect(clock.pendingTimers).toBe(0);
  });
});
