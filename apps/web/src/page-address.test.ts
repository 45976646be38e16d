import { describe, expect, it } from "vitest";
import { readPageAddress, roomLink, suggestRoomName } from "./page-address.ts";

describe("readPageAddress", () => {
  it.each([
    ["/r/calm-lake", "", "calm-lake"],
    ["/r/caf%C3%A9/", "", "café"],
    ["/", "?room=calm%20lake", "calm lake"],
    ["/r/%E0%A4%A", "", "%E0%A4%A"],
    ["/other", "", ""],
  ])("finds the room of %s%s", (pathname, search, room) => {
    expect(readPageAddress({ pathname, search }).room).toBe(room);
  });

  it("reads what else is given", () => {
    const search = "?room=a&name=Ada&token=t&node=sfu-1&codec=VP9&video=360p&audio=red";
    expect(readPageAddress({ pathname: "/", search })).toEqual({
      room: "a",
      name: "Ada",
      token: "t",
      nodeId: "sfu-1",
      codec: "vp9",
      redundancy: true,
      quality: "360p",
    });
  });
});

it("a room's link leads back to it", () => {
  const { pathname, search } = new URL(roomLink("a room / ünïque?", "http://localhost:8080"));
  expect(readPageAddress({ pathname, search }).room).toBe("a room / ünïque?");
});

it("suggested names differ and need no escaping", () => {
  const names = Array.from({ length: 1000 }, (_, index) => suggestRoomName((index * 2654435761) >>> 0));
  expect(new Set(names).size).toBeGreaterThan(950);
  for (const name of names) expect(name).toMatch(/^[a-z]+-[a-z]+-\d{4}$/);
});
