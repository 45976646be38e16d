import type { SessionDown } from "@cation/proto/sfu/v1/sfu";
import { describe, expect, it } from "vitest";
import { SessionChannel } from "./session-channel.ts";

const message = (count: number): SessionDown => ({
  down: {
    $case: "message",
    value: {
      message: {
        $case: "event",
        value: { sequence: count, event: { $case: "participantCount", value: { count } } },
      },
    },
  },
});

function setUp() {
  let returns = 0;
  const channel = new SessionChannel(() => (returns += 1));
  return { channel, reader: channel[Symbol.asyncIterator](), returns: () => returns };
}

describe("SessionChannel", () => {
  it("gives messages in order, those that wait and those that are waited for", async () => {
    const { channel, reader } = setUp();
    channel.send(message(1));
    channel.send(message(2));
    expect((await reader.next()).value).toEqual(message(1));
    expect((await reader.next()).value).toEqual(message(2));
    const later = reader.next();
    channel.send(message(3));
    expect((await later).value).toEqual(message(3));
  });

  it("gives what was sent before its end, then ends", async () => {
    const { channel, reader, returns } = setUp();
    channel.send(message(1));
    channel.end();
    channel.end();
    channel.send(message(2));
    expect((await reader.next()).value).toEqual(message(1));
    expect((await reader.next()).done).toBe(true);
    expect(returns()).toBe(0);
  });

  it("ends a reader that waits", async () => {
    const { channel, reader } = setUp();
    const waiting = reader.next();
    channel.end();
    expect((await waiting).done).toBe(true);
  });

  it("tells when its reader goes", async () => {
    const { channel, reader, returns } = setUp();
    channel.send(message(1));
    await reader.return?.();
    expect(returns()).toBe(1);
    expect((await reader.next()).done).toBe(true);
  });

  it("breaks, with a code, when its reader does not keep up", async () => {
    const { channel, reader, returns } = setUp();
    for (let i = 0; i < 5_000; i++) channel.send(message(i));
    expect(returns()).toBe(1);
    await expect(reader.next()).rejects.toMatchObject({ code: "STREAM_OVERFLOW" });
    expect((await reader.next()).done).toBe(true);
  });
});
