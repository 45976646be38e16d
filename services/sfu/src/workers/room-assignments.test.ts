import { describe, expect, it } from "vitest";
import { RoomAssignments } from "./room-assignments.ts";

class Target {
  load = 0;
  reserved = 0;
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  reserve(): void {
    this.reserved += 1;
  }
}

function setUp() {
  const [a, b] = [new Target("a"), new Target("b")];
  let targets = [a, b];
  const rooms = new RoomAssignments(() => targets);
  return { a, b, rooms, lose: (lost: Target) => (targets = targets.filter((target) => target !== lost)) };
}

const NONE: ReadonlySet<string> = new Set();

describe("rooms", () => {
  it("go where the load is least, then where the fewest rooms are, and stay", () => {
    const { a, b, rooms } = setUp();
    a.load = 0.2;
    expect(rooms.acquire("1")?.target).toBe(b);
    expect(b.reserved).toBe(1);
    b.load = 0.9;
    expect(rooms.acquire("1")?.target).toBe(b);
    expect(rooms.acquire("2")?.target).toBe(a);
    a.load = b.load = 0.5;
    expect(rooms.acquire("3")?.target).toBe(a);
    expect(rooms.acquire("4")?.target).toBe(b);
    expect([rooms.count(a), rooms.count(b), rooms.size]).toEqual([2, 2, 4]);
    expect([a.reserved, b.reserved]).toEqual([2, 2]);
  });

  it("are forgotten when nobody uses them and the worker does not hold them", () => {
    const { a, rooms } = setUp();
    const lease = rooms.acquire("1");
    const other = rooms.acquire("1");
    rooms.retain(a, NONE, rooms.mark);
    expect(rooms.find("1")).toBe(a);
    lease?.release();
    lease?.release();
    rooms.retain(a, NONE, rooms.mark);
    expect(rooms.find("1")).toBe(a);
    other?.release();
    rooms.retain(a, new Set(["1"]), rooms.mark);
    expect(rooms.find("1")).toBe(a);
    rooms.retain(a, NONE, rooms.mark);
    expect(rooms.find("1")).toBeUndefined();
    expect(rooms.count(a)).toBe(0);
  });

  it("are kept where they were used after the worker was asked: it may not have heard of that", () => {
    const { a, rooms } = setUp();
    const asked = rooms.mark;
    rooms.acquire("1")?.release();
    rooms.retain(a, NONE, asked);
    expect(rooms.find("1")).toBe(a);
    rooms.retain(a, NONE, rooms.mark);
    expect(rooms.find("1")).toBeUndefined();
  });

  it("find another worker when theirs is gone, and none when there is none", () => {
    const { a, b, rooms, lose } = setUp();
    const lease = rooms.acquire("1");
    lose(a);
    rooms.drop(a);
    expect(rooms.count(a)).toBe(0);
    expect(rooms.acquire("1")?.target).toBe(b);
    lease?.release();
    lose(b);
    rooms.drop(b);
    expect(rooms.acquire("1")).toBeUndefined();
    expect(rooms.size).toBe(0);
  });
});
