import { type Event, type Joined, SessionMove } from "@cation/proto/client/v1/client";
import { LeaveReason } from "@cation/proto/state/v1/state";
import { describe, expect, it } from "vitest";
import type { TokenSource } from "./access-token.ts";
import type { CationError } from "./errors.ts";
import { DEFAULT_TIMING } from "./session-timing.ts";
import { type JoinMode, type SessionState, SignalSession } from "./signal-session.ts";
import { FakeEnvironment } from "./testing/fake-environment.ts";
import { settle } from "./testing/fake-clock.ts";
import { refusal } from "./testing/fake-server.ts";

function createSession(options: { token?: TokenSource; urls?: string[] } = {}) {
  const environment = new FakeEnvironment();
  const seen = {
    joins: [] as JoinMode[],
    joined: [] as Joined[],
    counts: [] as number[],
    states: [] as SessionState[],
    ended: [] as CationError[],
    errors: [] as CationError[],
  };
  const session = new SignalSession(
    environment,
    {
      urls: options.urls ?? ["ws://one/rtc"],
      token: options.token ?? "token",
      region: "",
      nodeId: "",
      autoSubscribe: true,
    },
    {
      onJoined: (joined, mode) => {
        seen.joins.push(mode);
        seen.joined.push(joined);
      },
      onEvent: (event: Event) => {
        if (event.event?.$case === "participantCount") seen.counts.push(event.event.value.count);
      },
      onStateChanged: (state) => seen.states.push(state),
      onError: (error) => seen.errors.push(error),
      onEnded: (cause) => seen.ended.push(cause),
    },
  );
  return { environment, server: environment.server, clock: environment.clock, session, seen };
}

function count(value: number): NonNullable<Event["event"]> {
  return { $case: "participantCount", value: { count: value } };
}

function jwt(expiresAtMs: number): string {
  return `header.${btoa(JSON.stringify({ exp: expiresAtMs / 1000 }))}.signature`;
}

describe("joining", () => {
  it("joins and hands events on", async () => {
    const { session, server, seen } = createSession();
    await session.join();
    server.event(count(7));
    expect(seen).toMatchObject({ joins: ["joined"], states: ["connecting", "connected"], counts: [7] });
    expect(server.received("join")).toEqual([{ token: "token", region: "", nodeId: "", autoSubscribe: true }]);
  });

  it("rejects with the server's error and stays disconnected", async () => {
    const { session, server, seen } = createSession();
    server.refusals.set("join", refusal("TOKEN_EXPIRED", false).value);
    await expect(session.join()).rejects.toMatchObject({ code: "TOKEN_EXPIRED", retryable: false });
    expect(session.state).toBe("disconnected");
    expect(seen.ended).toHaveLength(1);
  });

  it("tries the next address when one cannot be reached", async () => {
    const { session, server, clock } = createSession({ urls: ["ws://one/rtc", "ws://two/rtc"] });
    server.isReachable = false;
    const joining = session.join();
    await settle();
    server.isReachable = true;
    await clock.advance(1_000);
    await joining;
    expect(server.sockets.map((socket) => socket.url)).toEqual(["ws://one/rtc", "ws://two/rtc"]);
  });

  it("gives up when no server can be reached", async () => {
    const { session, server, clock } = createSession();
    server.isReachable = false;
    const joining = session.join();
    const rejected = expect(joining).rejects.toMatchObject({ code: "SIGNAL_UNREACHABLE", retryable: true });
    await clock.advance(DEFAULT_TIMING.connectWithinMs + 10_000);
    await rejected;
    expect(clock.pending).toBe(0);
  });

  it("can be left while it joins", async () => {
    const { session, server, clock } = createSession();
    server.isSilent = true;
    const rejected = expect(session.join()).rejects.toMatchObject({ code: "LEFT" });
    await settle();
    await session.leave(1_000);
    await clock.advance(60_000);
    await rejected;
    expect(clock.pending).toBe(0);
  });
});

describe("a lost connection", () => {
  it("is resumed with the session's token and the last event, and missed events follow", async () => {
    const { session, server, seen, clock } = createSession();
    await session.join();
    server.event(count(1));
    server.cut();
    server.event(count(2));
    server.event(count(3));
    await clock.advance(0);
    expect(server.received("resume")).toMatchObject([
      { sessionToken: "session-1", token: "token", lastEventSequence: 1 },
    ]);
    expect(seen).toMatchObject({
      joins: ["joined", "resumed"],
      states: ["connecting", "connected", "reconnecting", "connected"],
      counts: [1, 2, 3],
    });
  });

  it("is tried again with growing pauses, on the other address too", async () => {
    const { session, server, clock, seen } = createSession({ urls: ["ws://one/rtc", "ws://two/rtc"] });
    await session.join();
    server.isReachable = false;
    server.cut();
    await clock.advance(10_000);
    const attempts = server.sockets.length - 1;
    expect(attempts).toBeGreaterThan(3);
    expect(attempts).toBeLessThan(10);
    expect(new Set(server.sockets.slice(1).map((socket) => socket.url)).size).toBe(2);
    server.isReachable = true;
    await clock.advance(5_000);
    expect(seen.joins).toEqual(["joined", "resumed"]);
  });

  it("sends again what was not answered, in order", async () => {
    const { session, server, clock } = createSession();
    await session.join();
    server.loseAnswersTo.add("setMuted");
    const muted = session.request({ $case: "setMuted", value: { trackId: "a", muted: true } });
    await settle();
    server.cut();
    const later = session.request({ $case: "unpublish", value: { trackId: "b" } });
    await clock.advance(0);
    await expect(muted).resolves.toMatchObject({ $case: "done" });
    await expect(later).resolves.toMatchObject({ $case: "done" });
    expect(server.socket.received.map((request) => request.$case)).toEqual(["resume", "setMuted", "unpublish"]);
  });

  it("is given up after an answer stays away, and the request sent once more", async () => {
    const { session, server, clock } = createSession();
    await session.join();
    server.loseAnswersTo.add("setMuted");
    const muted = session.request({ $case: "setMuted", value: { trackId: "a", muted: true } });
    await clock.advance(DEFAULT_TIMING.requestDeadlineMs);
    await expect(muted).resolves.toMatchObject({ $case: "done" });
    expect(server.sockets).toHaveLength(2);
  });

  it("rejects a request that is never answered", async () => {
    const { session, server, clock } = createSession();
    await session.join();
    server.loseAnswersTo.add("setMuted");
    const muted = session.request({ $case: "setMuted", value: { trackId: "a", muted: true } });
    const rejected = expect(muted).rejects.toMatchObject({ code: "REQUEST_TIMED_OUT" });
    await clock.advance(DEFAULT_TIMING.requestDeadlineMs - 1);
    server.loseAnswersTo.add("setMuted");
    await clock.advance(1);
    server.loseAnswersTo.add("setMuted");
    await clock.advance(DEFAULT_TIMING.requestDeadlineMs);
    await rejected;
    expect(session.state).toBe("connected");
  });

  it("is noticed by a ping that nobody answers", async () => {
    const { session, server, clock, seen } = createSession();
    await session.join();
    server.isSilent = true;
    await clock.advance(DEFAULT_TIMING.pingIntervalMs + DEFAULT_TIMING.pingDeadlineMs);
    expect(session.state).toBe("reconnecting");
    server.isSilent = false;
    await clock.advance(30_000);
    expect(seen.joins.at(-1)).not.toBe("joined");
    expect(session.state).toBe("connected");
  });

  it("is tried at once when the machine comes online", async () => {
    const { session, server, clock, seen } = createSession();
    await session.join();
    server.isReachable = false;
    server.cut();
    await clock.advance(12_000);
    server.isReachable = true;
    session.checkNetwork();
    await settle();
    expect(seen.joins).toEqual(["joined", "resumed"]);
  });

  it("becomes a new join when the server no longer knows the session; what waited is rejected", async () => {
    const { session, server, clock, seen } = createSession();
    await session.join();
    server.loseAnswersTo.add("setMuted");
    const muted = session.request({ $case: "setMuted", value: { trackId: "a", muted: true } });
    const rejected = expect(muted).rejects.toMatchObject({ code: "SESSION_LOST" });
    await settle();
    server.sessions = [];
    server.cut();
    await clock.advance(1_000);
    await rejected;
    expect(seen.joins).toEqual(["joined", "rejoined"]);
  });

  it("becomes a new join when it was away for longer than the grace time", async () => {
    const { session, server, clock, seen } = createSession();
    await session.join();
    server.isReachable = false;
    server.cut();
    await clock.advance(DEFAULT_TIMING.sessionGraceMs + 1_000);
    server.isReachable = true;
    await clock.advance(6_000);
    expect(seen.joins).toEqual(["joined", "rejoined"]);
    expect(server.received("resume")).toEqual([]);
  });

  it("ends the session when it does not come back", async () => {
    const { session, server, clock, seen } = createSession();
    await session.join();
    server.isReachable = false;
    server.cut();
    await clock.advance(DEFAULT_TIMING.reconnectWithinMs + 10_000);
    expect(session.state).toBe("disconnected");
    expect(seen.ended).toMatchObject([{ code: "SIGNAL_UNREACHABLE" }]);
    expect(clock.pending).toBe(0);
  });

  it("waits before it bothers an overloaded server again", async () => {
    const { session, server, clock } = createSession();
    await session.join();
    server.cut(1013);
    await clock.advance(100);
    expect(server.sockets).toHaveLength(1);
    await clock.advance(2_000);
    expect(server.sockets).toHaveLength(2);
  });
});

describe("events", () => {
  it("are taken once when they come twice", async () => {
    const { session, server, seen } = createSession();
    await session.join();
    server.event(count(1), 2);
    server.event(count(2), 3);
    expect(seen.counts).toEqual([1, 2]);
  });

  it("are asked for again when one is missing", async () => {
    const { session, server, seen, clock } = createSession();
    await session.join();
    server.event(count(1));
    server.event(count(2), 0);
    server.event(count(3));
    expect(seen.counts).toEqual([1]);
    await clock.advance(0);
    expect(seen).toMatchObject({ counts: [1, 2, 3], joins: ["joined", "resumed"] });
    expect(server.received("resume")).toMatchObject([{ lastEventSequence: 1 }]);
  });

  it("lead to a new join when the same one is missing again", async () => {
    const { session, server, seen, clock } = createSession();
    await session.join();
    server.event(count(1), 0);
    server.sessions[0]!.events.splice(0, 1, { sequence: 2, event: count(9) });
    server.event(count(2));
    await clock.advance(1_000);
    await clock.advance(1_000);
    expect(seen.joins.at(-1)).toBe("rejoined");
    expect(session.state).toBe("connected");
  });

  it("continue at the server's number when it could not repeat them", async () => {
    const { session, server, seen, clock } = createSession();
    await session.join();
    server.cut();
    server.event(count(1));
    server.forgetsEvents = true;
    await clock.advance(0);
    server.event(count(2));
    expect(seen.counts).toEqual([2]);
    expect(seen.joined.at(-1)?.eventsReplayed).toBe(false);
  });
});

describe("the end of a session", () => {
  it.each([
    [LeaveReason.REPLACED, "SESSION_REPLACED"],
    [LeaveReason.REMOVED, "PARTICIPANT_REMOVED"],
  ])("decided by somebody else (%s) is final", async (reason, code) => {
    const { session, server, seen, clock } = createSession();
    await session.join();
    server.event({ $case: "sessionEnded", value: { reason, error: undefined } });
    await clock.advance(60_000);
    expect(seen.ended).toMatchObject([{ code, retryable: false }]);
    expect(server.sockets).toHaveLength(1);
    expect(clock.pending).toBe(0);
  });

  it("for the node's reasons goes on at another node", async () => {
    const { session, server, seen, clock } = createSession();
    await session.join();
    server.nodeIsLost = true;
    server.event({ $case: "sessionEnded", value: { reason: LeaveReason.NODE_LOST, error: undefined } });
    await clock.advance(1_000);
    expect(seen.joins).toEqual(["joined", "moved"]);
    expect(server.received("resume")).toMatchObject([{ sessionToken: "session-1", move: SessionMove.IF_LOST }]);
    expect(seen.joined.at(-1)?.participant?.participantId).toBe("me-1");
    server.event(count(3));
    expect(seen.counts).toEqual([3]);
  });

  it("that the node asks to move goes on at another one over the same connection", async () => {
    const { session, server, seen, clock } = createSession();
    await session.join();
    server.event(count(2));
    server.loseAnswersTo.add("setMuted");
    const lost = expect(session.request({ $case: "setMuted", value: { trackId: "a", muted: true } })).rejects;
    await settle();
    server.event({ $case: "moveRequested", value: {} });
    await lost.toMatchObject({ code: "SESSION_LOST" });
    expect(seen).toMatchObject({ joins: ["joined", "moved"], states: ["connecting", "connected"] });
    expect(server.received("resume")).toMatchObject([{ move: SessionMove.NOW }]);
    server.event(count(4));
    expect(seen.counts).toEqual([2, 4]);
    expect(server.sockets).toHaveLength(1);
    server.cut();
    await clock.advance(1_000);
    expect(server.received("resume").at(-1)).toMatchObject({ sessionToken: "moved-1", lastEventSequence: 1 });
  });

  it("stays where it is when it cannot move, and tries again when it is asked again", async () => {
    const { session, server, seen } = createSession();
    await session.join();
    server.refusals.set("resume", { code: "CLUSTER_FULL", message: "", retryable: true });
    server.event({ $case: "moveRequested", value: {} });
    await settle();
    expect(seen).toMatchObject({ joins: ["joined"], errors: [{ code: "CLUSTER_FULL" }] });
    server.refusals.clear();
    server.event({ $case: "moveRequested", value: {} });
    await settle();
    expect(seen.joins).toEqual(["joined", "moved"]);
  });

  it("for the node's reasons is followed by a new join where nothing is left of it", async () => {
    const { session, server, seen, clock } = createSession();
    await session.join();
    server.sessions = [];
    const socket = server.socket;
    const ended = { $case: "sessionEnded", value: { reason: LeaveReason.NODE_LOST, error: undefined } } as const;
    socket.send({ $case: "event", value: { sequence: 1, event: ended } });
    await clock.advance(1_000);
    expect(seen.joins).toEqual(["joined", "rejoined"]);
  });

  it("by leaving says goodbye, rejects what waits and leaves no timer", async () => {
    const { session, server, seen, clock } = createSession();
    await session.join();
    server.loseAnswersTo.add("setMuted");
    const muted = session.request({ $case: "setMuted", value: { trackId: "a", muted: true } });
    const rejected = expect(muted).rejects.toMatchObject({ code: "LEFT" });
    await session.leave(1_000);
    await rejected;
    await settle();
    expect(server.received("leave")).toHaveLength(1);
    expect(server.socket.closeCode).toBe(1000);
    expect(seen.ended).toMatchObject([{ code: "LEFT" }]);
    expect(clock.pending).toBe(0);
    await expect(session.request({ $case: "ping", value: {} })).rejects.toMatchObject({ code: "NOT_CONNECTED" });
  });
});

describe("tokens", () => {
  it("are renewed before they expire", async () => {
    const environmentNowMs = 1_700_000_000_000;
    let issued = 0;
    const { session, server, clock } = createSession({
      token: () => Promise.resolve(jwt(environmentNowMs + ++issued * 600_000)),
    });
    await session.join();
    await clock.advance(545_000);
    expect(server.received("refreshToken")).toEqual([{ token: jwt(environmentNowMs + 1_200_000) }]);
  });

  it("are asked for again when the server finds one expired", async () => {
    let issued = 0;
    const { session, server, clock } = createSession({ token: () => Promise.resolve(`token-${++issued}`) });
    server.refusals.set("join", refusal("TOKEN_EXPIRED", false).value);
    const joining = session.join();
    await settle();
    server.refusals.clear();
    await clock.advance(1_000);
    await joining;
    expect(server.received("join").map((join) => join.token)).toEqual(["token-1", "token-2"]);
  });

  it("that cannot be had are an error with a code", async () => {
    const { session, clock } = createSession({ token: () => Promise.reject(new Error("no")) });
    const rejected = expect(session.join()).rejects.toMatchObject({ code: "TOKEN_UNAVAILABLE" });
    await clock.advance(30_000);
    await rejected;
  });
});
