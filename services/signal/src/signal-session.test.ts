import { LeaveReason } from "@cation/proto/state/v1/state";
import { CodedError } from "@cation/service-kit/coded-error";
import { afterEach, describe, expect, test, vi } from "vitest";
import { SessionMove } from "@cation/proto/client/v1/client";
import type { ClientRequest } from "./client-request.ts";
import type { SignalConfig } from "./signal-config.ts";
import { outcome } from "./testing/test-client.ts";
import type { SubProtocol } from "./testing/test-client.ts";
import { joinRequest, SignalFixture } from "./testing/signal-fixture.ts";

let fixture: SignalFixture;
const setup = async (overrides: Partial<SignalConfig> = {}) => (fixture = await SignalFixture.start(overrides));

afterEach(async () => {
  await fixture.signal.close();
  expect(fixture.clock.pendingTimers).toBe(0);
});

const ping: ClientRequest = { $case: "ping", value: {} };
const leave: ClientRequest = { $case: "leave", value: {} };
const offer = (sdp = "v=0\r\n"): ClientRequest => ({ $case: "publisherOffer", value: { sdp, tracks: [] } });
const resume = (sessionToken: string, token: string, move: SessionMove = SessionMove.UNSPECIFIED): ClientRequest => ({
  $case: "resume",
  value: { sessionToken, token, lastEventSequence: 4, move, autoSubscribe: true, region: "eu" },
});

describe("join", () => {
  test.each<SubProtocol>(["cation.v1.json", "cation.v1.proto"])(
    "by %s: placed, opened, piped both ways",
    async (form) => {
      const iceServers = [{ urls: ["stun:stun.example.org"], username: "", credential: "" }];
      const { islb, sfu } = await setup({ iceServers, maxParticipantsPerRoom: 12 });
      const client = await fixture.connect(form);
      const { result } = await client.request(joinRequest(await fixture.token({ metadata: "m" }), { nodeId: "n" }));
      expect(result).toMatchObject({
        $case: "joined",
        value: { nodeId: "sfu-a", iceServers, room: { roomId: "blue" } },
      });
      expect(islb.joins).toEqual([
        expect.objectContaining({
          roomId: "blue",
          identity: "ada",
          name: "Ada",
          metadata: "m",
          nodeId: "n",
          maxParticipants: 12,
          grants: { publish: [2, 1], subscribe: true, administer: false },
        }),
      ]);
      expect(sfu.sessions[0]?.first).toMatchObject({
        $case: "open",
        value: { autoSubscribe: true, participant: { participantId: "p1" }, room: { room: { epoch: 3, version: 7 } } },
      });

      expect(outcome(await client.request(offer()))).toBe("publisherAnswer");
      sfu.sessions[0]?.emit({ sequence: 1, event: { $case: "participantCount", value: { count: 2 } } });
      expect(await client.event(0)).toEqual({ sequence: 1, event: { $case: "participantCount", value: { count: 2 } } });

      expect(outcome(await client.request(leave))).toBe("done");
      expect(await client.closed).toEqual({ code: 1000, reason: "" });
      await vi.waitFor(() => expect(sfu.sessions[0]?.ended).toBe(true));
    },
  );

  test("without the grant to subscribe, nothing is subscribed by itself", async () => {
    const { sfu } = await setup();
    await fixture.joined({ grants: { publish: [], subscribe: false, administer: false } });
    expect(sfu.sessions[0]?.first).toMatchObject({ value: { autoSubscribe: false } });
  });

  test("a session of the same identity that was replaced is ended", async () => {
    const { islb, sfu } = await setup();
    islb.replaced = "p0";
    await fixture.joined();
    await vi.waitFor(() =>
      expect(sfu.endedSessions).toEqual([{ roomId: "blue", participantId: "p0", reason: LeaveReason.REPLACED }]),
    );
  });

  test("a node that is down is replaced by another one, once", async () => {
    const { islb, sfus } = await setup();
    islb.nodes = ["gone:1", "sfu-b:1"];
    await fixture.joined();
    expect(sfus.get("sfu-b:1")?.sessions).toHaveLength(1);
    expect(islb.leaves).toMatchObject([{ participantId: "p1", epoch: 3 }]);

    islb.nodes = ["gone:1"];
    const client = await fixture.connect();
    expect(outcome(await client.request(joinRequest(await fixture.token())))).toBe("SFU_UNAVAILABLE");
    await vi.waitFor(() => expect(islb.leaves).toHaveLength(3));
  });

  test("refusals of islb and of the sfu reach the client, which may try again", async () => {
    const { islb, sfu } = await setup();
    const client = await fixture.connect();
    const attempt = async () => outcome(await client.request(joinRequest(await fixture.token())));
    islb.failure = new CodedError("ROOM_FULL");
    expect(await attempt()).toBe("ROOM_FULL");
    islb.failure = undefined;
    sfu.onOpen = { refuse: new CodedError("STALE_EPOCH") };
    expect(await attempt()).toBe("STALE_EPOCH");
    sfu.onOpen = { fail: new CodedError("CLUSTER_FULL") };
    expect(await attempt()).toBe("CLUSTER_FULL");
    await vi.waitFor(() => expect(islb.leaves).toHaveLength(2));
    sfu.onOpen = "serve";
    expect(await attempt()).toBe("joined");
  });

  test("an islb or sfu that does not answer is given up in time", async () => {
    const { islb, sfu, clock } = await setup({ requestTimeoutMs: 3000, joinTimeoutMs: 60_000 });
    const client = await fixture.connect();
    islb.gate = new Promise(() => {});
    const toIslb = client.request(joinRequest(await fixture.token()));
    await vi.waitFor(() => expect(islb.joins).toHaveLength(1));
    clock.advance(3000);
    expect(outcome(await toIslb)).toBe("ISLB_UNAVAILABLE");

    islb.gate = Promise.resolve();
    islb.nodes = ["sfu-a:1"];
    sfu.onOpen = "hang";
    const toSfu = client.request(joinRequest(await fixture.token()));
    for (const attempts of [1, 2]) {
      await vi.waitFor(() => expect(sfu.sessions).toHaveLength(attempts));
      clock.advance(3000);
    }
    expect(outcome(await toSfu)).toBe("SFU_UNAVAILABLE");
  });

  test("a client that goes away during its join leaves no participant", async () => {
    const { islb, sfu } = await setup();
    let open = () => {};
    islb.gate = new Promise((resolve) => (open = resolve));
    const client = await fixture.connect();
    void client.request(joinRequest(await fixture.token()));
    await vi.waitFor(() => expect(islb.joins).toHaveLength(1));
    client.socket.terminate();
    await vi.waitFor(() => expect(fixture.signal.connectionCount).toBe(0));
    open();
    await vi.waitFor(() => expect(sfu.endedSessions).toMatchObject([{ participantId: "p1" }]));
    await vi.waitFor(() => expect(islb.leaves).toMatchObject([{ participantId: "p1" }]));
    await vi.waitFor(() => expect(sfu.sessions[0]?.ended).toBe(true));
    fixture.clock.advance(2000);
  });
});

describe("resume", () => {
  test("takes the session up at the node that the session token names", async () => {
    const { sfu, islb } = await setup();
    const { client, sessionToken } = await fixture.joined();
    client.socket.terminate();
    const second = await fixture.connect();
    const { result } = await second.request(resume(sessionToken, await fixture.token()));
    expect(result).toMatchObject({ $case: "joined", value: { eventsReplayed: true, eventSequence: 9 } });
    expect(sfu.sessions[1]?.first).toEqual({
      $case: "resume",
      value: { roomId: "blue", participantId: "p1", lastEventSequence: 4 },
    });
    expect(islb.joins).toHaveLength(1);
    expect(outcome(await second.request(offer()))).toBe("publisherAnswer");
  });

  test("goes on at another node when its own is lost, and knows it from then on", async () => {
    const { sfus, islb } = await setup();
    const { sessionToken } = await fixture.joined();
    sfus.delete("sfu-a:1");
    islb.nodes = ["sfu-a:1", "sfu-b:1"];
    const second = await fixture.connect();
    const { result } = await second.request(resume(sessionToken, await fixture.token(), SessionMove.IF_LOST));
    expect(result).toMatchObject({ $case: "joined", value: { moved: true, participant: { participantId: "p1" } } });
    expect(islb.moves).toMatchObject([{ participantId: "p1", fromAddress: "sfu-a:1", onlyIfLost: true, region: "eu" }]);
    const there = sfus.get("sfu-b:1");
    expect(there?.sessions[0]?.first).toMatchObject({ $case: "open", value: { moved: true, autoSubscribe: true } });
    const movedToken = result?.$case === "joined" ? result.value.sessionToken : "";
    second.socket.terminate();
    const third = await fixture.connect();
    expect(outcome(await third.request(resume(movedToken, await fixture.token(), SessionMove.IF_LOST)))).toBe("joined");
    expect(there?.sessions[1]?.first).toMatchObject({ $case: "resume" });
    expect(islb.moves).toHaveLength(1);
  });

  test("asks islb while a node is silent, and goes on where there is a session first", async () => {
    const { sfus, sfu, islb } = await setup();
    const { sessionToken } = await fixture.joined();
    islb.nodes = ["sfu-a:1", "sfu-b:1"];
    sfu.onOpen = "hang";
    const second = await fixture.connect();
    const answer = second.request(resume(sessionToken, await fixture.token(), SessionMove.IF_LOST));
    await vi.waitFor(() => expect(sfu.sessions).toHaveLength(2));
    await fixture.clock.advanceAsync(300);
    expect((await answer).result).toMatchObject({ $case: "joined", value: { moved: true } });
    expect(sfus.get("sfu-b:1")?.sessions).toHaveLength(1);
    await fixture.clock.advanceAsync(20_000);
  });

  test("on a joined connection moves it to another node; what is asked from then on is asked there", async () => {
    const { sfus, sfu, islb } = await setup();
    const { client, sessionToken } = await fixture.joined();
    islb.nodes = ["sfu-a:1", "sfu-b:1"];
    const { result } = await client.request(resume(sessionToken, await fixture.token(), SessionMove.NOW));
    expect(result).toMatchObject({ $case: "joined", value: { moved: true } });
    await vi.waitFor(() => expect(sfu.sessions[0]?.ended).toBe(true));
    expect(outcome(await client.request(offer()))).toBe("publisherAnswer");
    expect(sfus.get("sfu-b:1")?.sessions[0]?.requests).toHaveLength(1);
    expect(sfu.sessions[0]?.requests).toHaveLength(0);
    expect(outcome(await client.request(resume(sessionToken, await fixture.token())))).toBe("REQUEST_ORDER");
  });

  test("stays where it is when it cannot move", async () => {
    const { islb, sfu } = await setup();
    const { client, sessionToken } = await fixture.joined();
    islb.failure = new CodedError("CLUSTER_FULL");
    const refused = await client.request(resume(sessionToken, await fixture.token(), SessionMove.NOW));
    expect(outcome(refused)).toBe("CLUSTER_FULL");
    expect(outcome(await client.request(offer()))).toBe("publisherAnswer");
    expect(sfu.sessions[0]?.requests).toHaveLength(1);
  });

  test.each([SessionMove.UNSPECIFIED, SessionMove.IF_LOST])("says when it was replaced (move %i)", async (move) => {
    const { islb, sfu } = await setup();
    const { sessionToken } = await fixture.joined();
    sfu.participants.clear();
    islb.failure = new CodedError("SESSION_REPLACED");
    const second = await fixture.connect();
    expect(outcome(await second.request(resume(sessionToken, await fixture.token(), move)))).toBe("SESSION_REPLACED");
  });

  test("works while islb is away, and says so clearly when the session is gone", async () => {
    const { sfu, islb, sfus } = await setup();
    const { sessionToken } = await fixture.joined();
    const attempt = async () => {
      const client = await fixture.connect();
      return outcome(await client.request(resume(sessionToken, await fixture.token())));
    };
    islb.failure = new CodedError("ISLB_UNAVAILABLE");
    expect(await attempt()).toBe("joined");
    sfu.participants.clear();
    expect(await attempt()).toBe("SESSION_NOT_FOUND");
    islb.failure = undefined;
    sfus.delete("sfu-a:1");
    expect(await attempt()).toBe("SFU_UNAVAILABLE");
    islb.whereabouts.clear();
    expect(await attempt()).toBe("SESSION_NOT_FOUND");
  });

  test("needs a session token of this cluster and an access token for the same person", async () => {
    await setup();
    const { sessionToken } = await fixture.joined();
    const client = await fixture.connect();
    const attempt = async (session: string, access: string) => outcome(await client.request(resume(session, access)));
    const token = await fixture.token();
    expect(await attempt(token, token)).toBe("SESSION_NOT_FOUND");
    expect(await attempt("x.y.z", token)).toBe("SESSION_NOT_FOUND");
    expect(await attempt(sessionToken, sessionToken)).toBe("TOKEN_INVALID");
    expect(await attempt(sessionToken, await fixture.token({ roomId: "red" }))).toBe("TOKEN_WRONG_ROOM");
    expect(await attempt(sessionToken, await fixture.token({ identity: "eve" }))).toBe("TOKEN_WRONG_ROOM");
    expect(await attempt(sessionToken, token)).toBe("joined");
  });
});

describe("a session", () => {
  test("that the sfu ends is told and closed", async () => {
    const { sfu } = await setup();
    const { client } = await fixture.joined();
    const ended = { reason: LeaveReason.REMOVED, error: undefined };
    sfu.sessions[0]?.emit({ sequence: 1, event: { $case: "sessionEnded", value: ended } });
    expect((await client.event(0)).event).toEqual({ $case: "sessionEnded", value: ended });
    expect((await client.closed).code).toBe(1000);
  });

  test("whose link breaks is closed so that the client resumes, and open requests are answered", async () => {
    const { sfu } = await setup();
    const { client } = await fixture.joined();
    sfu.silent.add("publisherOffer");
    const waiting = client.request(offer());
    await vi.waitFor(() => expect(sfu.sessions[0]?.requests).toHaveLength(1));
    sfu.sessions[0]?.down.end();
    expect(outcome(await waiting)).toBe("SFU_UNAVAILABLE");
    expect(await client.closed).toEqual({ code: 1011, reason: "SFU_UNAVAILABLE" });
  });

  test("a request that the sfu does not answer is answered in time, a late answer is dropped", async () => {
    const { sfu, clock } = await setup({ requestTimeoutMs: 2000 });
    const { client } = await fixture.joined();
    sfu.silent.add("publisherOffer");
    const waiting = client.request(offer(), 50);
    await vi.waitFor(() => expect(sfu.sessions[0]?.requests).toHaveLength(1));
    clock.advance(2000);
    expect(outcome(await waiting)).toBe("DEADLINE_EXCEEDED");
    const late = vi.fn();
    void client.expectResponse(50).then(late);
    sfu.sessions[0]?.respond(50, { $case: "done", value: {} });
    expect(outcome(await client.request(ping))).toBe("done");
    expect(late).not.toHaveBeenCalled();
  });

  test("outlives its token by the grace time only; a new token lets it go on", async () => {
    const { clock, sfu } = await setup({ clockSkewMs: 0, tokenExpiryGraceMs: 10_000, pingIntervalMs: 5000 });
    const { client } = await fixture.joined({ lifetimeMs: 3000 });
    clock.advance(3000);
    expect(outcome(await client.request(offer()))).toBe("TOKEN_EXPIRED");
    expect(outcome(await client.request(ping))).toBe("done");
    const refresh = async (token: string) => outcome(await client.request({ $case: "refreshToken", value: { token } }));
    expect(await refresh(await fixture.token({ identity: "eve" }))).toBe("TOKEN_WRONG_ROOM");
    expect(await refresh("")).toBe("TOKEN_MISSING");
    expect(await refresh(await fixture.token({ lifetimeMs: 3000 }))).toBe("done");
    expect(outcome(await client.request(offer()))).toBe("publisherAnswer");
    // Checked with each ping: the second token ended at 6 s, its grace time at 16 s.
    for (const durationMs of [7000, 5000]) {
      clock.advance(durationMs);
      expect(outcome(await client.request(ping))).toBe("done");
    }
    clock.advance(5000);
    expect(await client.closed).toEqual({ code: 1008, reason: "TOKEN_EXPIRED" });
    await vi.waitFor(() => expect(sfu.sessions[0]?.ended).toBe(true));
  });

  test("is not held open for a socket that is dead", async () => {
    const { clock, sfu } = await setup({ pingIntervalMs: 5000 });
    const { client } = await fixture.joined();
    client.socket.pause();
    clock.advance(16_000);
    await vi.waitFor(() => expect(fixture.signal.connectionCount).toBe(0));
    await vi.waitFor(() => expect(sfu.sessions[0]?.ended).toBe(true));
    client.socket.resume();
    expect((await client.closed).code).toBe(1006);
  });

  test("a client that reads too slowly is closed, the sfu is not held up", async () => {
    const { sfu } = await setup({ maxBufferedBytes: 65_536 });
    const { client } = await fixture.joined();
    client.socket.pause();
    const sdp = "v".repeat(200_000);
    const event = { $case: "subscriberOffer" as const, value: { offerId: 1, sdp, tracks: [] } };
    const timer = setInterval(() => sfu.sessions[0]?.emit({ sequence: 1, event }), 1);
    await vi.waitFor(() => expect(sfu.sessions[0]?.ended).toBe(true), 10_000);
    clearInterval(timer);
    fixture.clock.advance(2000);
    await vi.waitFor(() => expect(fixture.signal.connectionCount).toBe(0));
    client.socket.terminate();
  });
});

test("a drain refuses new connections, spreads the closing, and ends when all are gone", async () => {
  const { clock, sfu } = await setup({ drainSpreadMs: 4000 });
  const first = await fixture.joined();
  const second = await fixture.joined({ identity: "bob" });
  const drained = Promise.all([fixture.signal.drain(), fixture.signal.drain()]);
  await expect(fixture.connect()).rejects.toThrow("503");
  const ready = await fetch(`http://127.0.0.1:${fixture.signal.port}/readyz`);
  expect([ready.status, await ready.json()]).toEqual([503, { status: "not ready", reasons: { signal: "draining" } }]);
  clock.advance(1999);
  expect(fixture.signal.connectionCount).toBe(2);
  clock.advance(1);
  expect(await first.client.closed).toEqual({ code: 1001, reason: "NODE_DRAINING" });
  expect((await second.client.closed).code).toBe(1001);
  await drained;
  await vi.waitFor(() => expect(sfu.sessions.every(({ ended }) => ended)).toBe(true));
});
