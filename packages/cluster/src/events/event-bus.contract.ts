import { afterEach, beforeEach, expect, test } from "vitest";
import { RoomEvent } from "@cation/proto/state/v1/state";
import type { EventBus } from "./event-bus.ts";
import { publishRoomEvent, roomSubject, subscribeRoomEvents } from "./room-events.ts";

/** How a test reaches a bus. */
export interface EventBusFixture {
  /** Two ends of the same bus, or the same one twice. */
  readonly a: EventBus;
  readonly b: EventBus;
  /** Resolves when what was published and subscribed before has arrived. */
  settle(): Promise<void>;
  close(): Promise<void>;
}

function bytes(...values: number[]): Uint8Array {
  return Uint8Array.from(values);
}

/** Every event bus passes this. */
export function eventBusContract(open: () => Promise<EventBusFixture>): void {
  let fixture: EventBusFixture;
  beforeEach(async () => {
    fixture = await open();
  });
  afterEach(() => fixture.close());

  test("delivers in order, to every subscriber of the subject and to no other", async () => {
    const { a, b, settle } = fixture;
    const seen: Record<string, number[]> = { a: [], b1: [], b2: [], other: [] };
    a.subscribe("room.x.event", (payload) => seen.a?.push(payload[0] ?? -1));
    b.subscribe("room.x.event", (payload) => seen.b1?.push(payload[0] ?? -1));
    b.subscribe("room.x.event", (payload) => seen.b2?.push(payload[0] ?? -1));
    b.subscribe("room.y.event", (payload) => seen.other?.push(payload[0] ?? -1));
    await settle();
    for (let i = 0; i < 50; i += 1) a.publish("room.x.event", bytes(i));
    await settle();
    const expected = Array.from({ length: 50 }, (_, i) => i);
    expect(seen).toEqual({ a: expected, b1: expected, b2: expected, other: [] });
    expect(a.stats.published).toBe(50);
  });

  test("delivers later, and what was published then", async () => {
    const { a, settle } = fixture;
    const seen: [string, Uint8Array][] = [];
    a.subscribe("s", (payload, subject) => seen.push([subject, payload]));
    await settle();
    const payload = bytes(1, 2, 3);
    a.publish("s", payload);
    payload.fill(9);
    expect(seen).toEqual([]);
    await settle();
    expect(seen.map(([subject, data]) => [subject, [...data]])).toEqual([["s", [1, 2, 3]]]);
  });

  test("delivers nothing after unsubscribing, also from within a handler", async () => {
    const { a, b, settle } = fixture;
    let calls = 0;
    const first = b.subscribe("s", () => {
      calls += 1;
      first.unsubscribe();
      second.unsubscribe();
    });
    const second = b.subscribe("s", () => (calls += 1));
    await settle();
    a.publish("s", bytes(1));
    a.publish("s", bytes(2));
    await settle();
    expect(calls).toBe(1);
    first.unsubscribe();
    const third = b.subscribe("s", () => (calls += 10));
    await settle();
    a.publish("s", bytes(3));
    await settle();
    expect(calls).toBe(11);
    third.unsubscribe();
  });

  test("counts handlers that throw and goes on", async () => {
    const { a, b, settle } = fixture;
    const seen: number[] = [];
    b.subscribe("s", () => {
      throw new Error("handler");
    });
    b.subscribe("s", (payload) => seen.push(payload[0] ?? -1));
    await settle();
    a.publish("s", bytes(1));
    a.publish("s", bytes(2));
    await settle();
    expect(seen).toEqual([1, 2]);
    expect(b.stats.handlerErrors).toBe(2);
  });

  test("drops and counts what cannot be sent", async () => {
    const { a, b, settle } = fixture;
    let calls = 0;
    b.subscribe("s", () => (calls += 1));
    b.subscribe("s.*", () => (calls += 1));
    b.subscribe("", () => (calls += 1));
    await settle();
    a.publish("s", new Uint8Array(2 * 1024 * 1024));
    for (const bad of ["", "s.", ".s", "s..t", "s t", "s.*", ">", "s\r\nPUB x 0"]) a.publish(bad, bytes(1));
    await settle();
    expect(calls).toBe(0);
    expect(a.stats.publishesDropped).toBe(9);
    a.publish("s", bytes(1));
    await settle();
    expect(calls).toBe(1);
  });

  test("takes empty payloads", async () => {
    const { a, b, settle } = fixture;
    const seen: number[] = [];
    b.subscribe("s", (payload) => seen.push(payload.length));
    await settle();
    a.publish("s", bytes());
    await settle();
    expect(seen).toEqual([0]);
  });

  test("is silent after close, which may be called twice", async () => {
    const { a, b, settle } = fixture;
    let calls = 0;
    b.subscribe("s", () => (calls += 1));
    await settle();
    await b.close();
    await b.close();
    expect(b.connected).toBe(false);
    b.publish("s", bytes(1));
    b.subscribe("s", () => (calls += 1)).unsubscribe();
    a.publish("s", bytes(1));
    await settle();
    expect(calls).toBe(0);
  });

  test("keeps rooms apart, whatever their ids", async () => {
    const { a, b, settle } = fixture;
    const roomIds = ["a", "a.b", "a b", "*", ">", "été", "😀", "a.event", "{a}", "A", " "];
    const seen: string[] = [];
    for (const roomId of roomIds) {
      expect(roomSubject(roomId).split(".")).toHaveLength(3);
      subscribeRoomEvents(b, roomId, (event) => seen.push(`${roomId}:${event.version}`));
    }
    await settle();
    roomIds.forEach((roomId, i) => publishRoomEvent(a, RoomEvent.create({ roomId, epoch: 1, version: i })));
    await settle();
    expect(seen).toEqual(roomIds.map((roomId, i) => `${roomId}:${i}`));
  });

  test("tells of what is no event of the room", async () => {
    const { a, b, settle } = fixture;
    let malformed = 0;
    const seen: RoomEvent[] = [];
    subscribeRoomEvents(
      b,
      "r",
      (event) => seen.push(event),
      () => (malformed += 1),
    );
    await settle();
    a.publish(roomSubject("r"), bytes(255, 255, 255));
    a.publish(roomSubject("r"), RoomEvent.encode(RoomEvent.create({ roomId: "other", version: 1 })).finish());
    await settle();
    expect({ seen, malformed }).toEqual({ seen: [], malformed: 2 });
  });
}
