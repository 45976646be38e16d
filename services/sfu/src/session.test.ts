import { PeerConnectionRole, TransportState_State } from "@cation/proto/client/v1/client";
import type { SessionUp } from "@cation/proto/sfu/v1/sfu";
import { LeaveReason } from "@cation/proto/state/v1/state";
import { beforeEach, describe, expect, it } from "vitest";
import { TestRooms, ROOM_ID, TestStream } from "./testing/test-room.ts";
import { testAnswer } from "./testing/test-sdp.ts";

let rooms: TestRooms;
beforeEach(() => {
  rooms = new TestRooms();
});

const record = () => rooms.islb.snapshot(ROOM_ID);

describe("a session", () => {
  it("tells who publishes, how many there are, and where the events stand", async () => {
    const { participant: other } = await rooms.enter("there");
    const track = await rooms.publishElsewhere(other?.participantId ?? "");
    await rooms.enter("there");
    const { stream, participant } = await rooms.join();
    expect(stream.opened).toMatchObject({
      participants: [{ participantId: participant.participantId }, { participantId: other?.participantId }],
      tracks: [{ trackId: track.trackId }],
      participantCount: 3,
      eventSequence: 0,
      nodeId: "here",
    });
  });

  it("numbers events without a gap and tells nobody of its own doing", async () => {
    const one = await rooms.join();
    await rooms.join();
    const { participant } = await rooms.enter("there");
    await rooms.publishElsewhere(participant?.participantId ?? "");
    expect(one.stream.events.map(({ sequence }) => sequence)).toEqual(one.stream.events.map((_, index) => index + 1));
    const joined = one.stream.find("participantJoined").map(({ participantId }) => participantId);
    expect(joined).not.toContain(one.participant.participantId);
  });

  it("tells the count once in a while, however many join", async () => {
    const { stream } = await rooms.join();
    for (let i = 0; i < 200; i++) await rooms.enter("there");
    await rooms.clock.advanceAsync(600);
    expect(stream.find("participantCount")).toEqual([{ count: 201 }]);
    expect(stream.find("participantJoined").length).toBeLessThan(120);
  });

  it("sends what was missed to a client that comes back", async () => {
    const { session, stream } = await rooms.join();
    const { participant } = await rooms.enter("there");
    const seen = stream.events.length;
    session.detach(stream);
    await rooms.publishElsewhere(participant?.participantId ?? "");
    await rooms.clock.advanceAsync(20_000);
    expect(stream.events).toHaveLength(seen);

    const again = new TestStream();
    session.resume(again, seen);
    expect(again.opened.eventsReplayed).toBe(true);
    expect(again.events[0].sequence).toBe(seen + 1);
    expect(again.find("trackPublished")).toHaveLength(1);
    expect(again.find("subscriberOffer")).toHaveLength(1);
  });

  it("says that it cannot send what was missed, and repeats the offer that waits", async () => {
    const { session, stream } = await rooms.join();
    const { participant } = await rooms.enter("there");
    await rooms.publishElsewhere(participant?.participantId ?? "");
    await rooms.clock.advanceAsync(40_000);
    session.detach(stream);
    const again = new TestStream();
    session.resume(again, 0);
    expect(again.opened.eventsReplayed).toBe(false);
    expect(again.opened.tracks).toHaveLength(1);
    expect(again.newestOffer).toEqual(stream.newestOffer);
    expect(again.events[0].sequence).toBe(again.opened.eventSequence + 1);
  });

  it("belongs to the newest stream", async () => {
    const { session, stream } = await rooms.join();
    const again = new TestStream();
    session.resume(again, 0);
    expect(stream.ended).toBe(true);
    session.detach(stream);
    await rooms.clock.advanceAsync(60_000);
    expect(session.ended).toBe(false);
  });

  it("waits 30 s for its client, then leaves and frees everything", async () => {
    const { session, stream, participant } = await rooms.join();
    const { participant: other } = await rooms.enter("there");
    await rooms.publishElsewhere(other?.participantId ?? "");
    session.detach(stream);
    await rooms.clock.advanceAsync(29_000);
    expect(session.ended).toBe(false);
    expect(rooms.media.held).toBeGreaterThan(0);
    await rooms.clock.advanceAsync(2_000);
    expect(session.ended).toBe(true);
    expect(rooms.media.held).toBe(0);
    expect(rooms.registry.rooms.size).toBe(0);
    expect(rooms.islb.rooms.get(ROOM_ID)?.participants.has(participant.participantId)).toBe(false);
    expect(rooms.clock.pendingTimers).toBe(0);
  });

  it("ends when the room says that its participant left, and tells why", async () => {
    const { session, stream, participant } = await rooms.join();
    const { participantId } = participant;
    await rooms.islb.leave({ roomId: ROOM_ID, participantId, epoch: 1, reason: LeaveReason.REMOVED, nodeId: "" });
    await rooms.settle();
    expect(session.ended).toBe(true);
    expect(stream.find("sessionEnded")).toEqual([{ reason: LeaveReason.REMOVED, error: undefined }]);
    expect(stream.ended).toBe(true);
    expect(rooms.media.held).toBe(0);
  });

  it("tells the state of its connections", async () => {
    const { stream } = await rooms.join();
    const { participant } = await rooms.enter("there");
    await rooms.publishElsewhere(participant?.participantId ?? "");
    rooms.media.newest.become("connecting");
    rooms.media.newest.become("connected");
    rooms.media.newest.become("failed");
    expect(stream.find("transportState").map(({ role, state }) => [role, state])).toEqual([
      [PeerConnectionRole.SUBSCRIBER, TransportState_State.CONNECTING],
      [PeerConnectionRole.SUBSCRIBER, TransportState_State.CONNECTED],
      [PeerConnectionRole.SUBSCRIBER, TransportState_State.FAILED],
    ]);
  });

  it("answers each request, whatever it is", async () => {
    const client = await rooms.join();
    const codeOf = async (request: Parameters<typeof client.ask>[0]) => {
      const result = await client.ask(request);
      return result.$case === "error" ? result.value.code : result.$case;
    };
    expect(await codeOf({ $case: "ping", value: {} })).toBe("done");
    expect(await codeOf({ $case: "getRoster", value: { after: "", limit: 0 } })).toBe("roster");
    expect(await codeOf({ $case: "refreshToken", value: { token: "x" } })).toBe("REQUEST_ORDER");
    expect(await codeOf(undefined)).toBe("MESSAGE_UNKNOWN");
    expect(await codeOf({ $case: "unpublish", value: { trackId: "none" } })).toBe("TRACK_NOT_FOUND");
    expect(await codeOf({ $case: "setMuted", value: { trackId: "none", muted: true } })).toBe("TRACK_NOT_FOUND");
    expect(await codeOf({ $case: "removeParticipant", value: { participantId: "" } })).toBe("MESSAGE_MALFORMED");
    expect(await codeOf({ $case: "subscriberAnswer", value: { offerId: 1, sdp: "" } })).toBe("STALE_ANSWER");
    expect(await codeOf({ $case: "restartSubscriber", value: {} })).toBe("done");
  });

  it("refuses more requests at once than it can hold", async () => {
    const client = await rooms.join();
    const roster = { requestId: 1, request: { $case: "getRoster", value: { after: "", limit: 0 } } } as const;
    const answers = await Promise.all(Array.from({ length: 100 }, () => client.requests.answer(roster)));
    const refused = answers.filter(({ result }) => result?.$case === "error" && result.value.code === "RATE_LIMITED");
    expect(refused).toHaveLength(36);
  });
});

describe("session streams", () => {
  async function first(...requests: SessionUp[]) {
    async function* up() {
      for (const request of requests) {
        yield request;
        await Promise.resolve();
      }
    }
    const down = [];
    for await (const message of rooms.service.serve(up())) down.push(message.down);
    return down;
  }

  it("open a session, answer, say goodbye", async () => {
    const { participant, room } = await rooms.enter("here");
    const down = await first(
      { up: { $case: "open", value: { participant, room, autoSubscribe: true, moved: false } } },
      { up: { $case: "request", value: { requestId: 7, request: { $case: "leave", value: {} } } } },
    );
    expect(down.map((message) => message?.$case)).toEqual(["opened", "message", "message"]);
    expect(down[1]).toMatchObject({ value: { message: { $case: "response", value: { requestId: 7 } } } });
    expect(record().participantCount).toBe(0);
    expect(rooms.registry.rooms.size).toBe(0);
  });

  it.each([
    ["nothing", { up: undefined }, "REQUEST_ORDER"],
    ["a request", { up: { $case: "request", value: { requestId: 1, request: undefined } } }, "REQUEST_ORDER"],
    [
      "an empty open",
      { up: { $case: "open", value: { participant: undefined, room: undefined, autoSubscribe: true, moved: false } } },
      "MESSAGE_MALFORMED",
    ],
    [
      "a stranger's resume",
      { up: { $case: "resume", value: { roomId: "x", participantId: "y", lastEventSequence: 1 } } },
      "SESSION_NOT_FOUND",
    ],
  ] as [string, SessionUp, string][])("refuse %s", async (_name, request, code) => {
    const down = await first(request);
    expect(down).toHaveLength(1);
    expect(down[0]).toMatchObject({ $case: "refused", value: { error: { code } } });
    expect(rooms.registry.rooms.size).toBe(0);
  });

  it("refuse a participant that islb placed on another node", async () => {
    const { participant, room } = await rooms.enter("there");
    const down = await first({
      up: { $case: "open", value: { participant, room, autoSubscribe: true, moved: false } },
    });
    expect(down[0]).toMatchObject({ $case: "refused", value: { error: { code: "SFU_UNAVAILABLE" } } });
    expect(rooms.registry.rooms.size).toBe(0);
  });

  it("refuse a room of an older epoch, and leave the session there is alone", async () => {
    const { session } = await rooms.join();
    const stored = rooms.islb.rooms.get(ROOM_ID);
    if (!stored) throw new Error("no room");
    stored.epoch = 5;
    const { participant, room } = await rooms.enter("here");
    rooms.registry.open({ participant, room, autoSubscribe: true, moved: false });
    const old = { ...room, room: { roomId: ROOM_ID, epoch: 4, version: 99, createdAtMs: 0, maxParticipants: 0 } };
    const down = await first({
      up: {
        $case: "open",
        value: {
          participant,
          room: { ...old, participants: [], tracks: [], participantCount: 1, relayPlan: undefined },
          autoSubscribe: true,
          moved: false,
        },
      },
    });
    expect(down[0]).toMatchObject({ $case: "refused", value: { error: { code: "STALE_EPOCH" } } });
    expect(session.ended).toBe(false);
  });
});

describe("a room", () => {
  it("reads its state again when an event is missing, and only then", async () => {
    const { stream } = await rooms.join();
    const { participant } = await rooms.enter("there");
    rooms.islb.muteEvents = true;
    await rooms.publishElsewhere(participant?.participantId ?? "");
    rooms.islb.muteEvents = false;
    await rooms.clock.advanceAsync(5_000);
    expect(stream.find("trackPublished")).toHaveLength(0);
    await rooms.publishElsewhere(participant?.participantId ?? "", "audio");
    await rooms.clock.advanceAsync(400);
    expect(stream.find("trackPublished")).toHaveLength(2);
    expect(rooms.registry.get(ROOM_ID)?.version).toBe(record().room?.version);
  });

  it("keeps trying to read while islb is away", async () => {
    const { stream } = await rooms.join();
    const { participant } = await rooms.enter("there");
    rooms.islb.muteEvents = true;
    await rooms.publishElsewhere(participant?.participantId ?? "");
    rooms.islb.away = true;
    rooms.registry.get(ROOM_ID)?.requestRead();
    await rooms.clock.advanceAsync(10_000);
    expect(stream.find("trackPublished")).toHaveLength(0);
    rooms.islb.away = false;
    rooms.registry.get(ROOM_ID)?.requestRead();
    await rooms.clock.advanceAsync(2_000);
    expect(stream.find("trackPublished")).toHaveLength(1);
  });

  it("ends all sessions when it is closed on this node", async () => {
    const one = await rooms.join();
    const two = await rooms.join();
    rooms.registry.close();
    await rooms.settle();
    for (const { stream } of [one, two]) {
      expect(stream.find("sessionEnded")).toEqual([{ reason: LeaveReason.NODE_LOST, error: undefined }]);
    }
    // islb keeps their places for a while: they go on at another node.
    expect(record().participantCount).toBe(2);
    expect(rooms.media.held).toBe(0);
  });
});

describe("an answer to an offer", () => {
  it("of another number is refused, and garbage leaves the offer open", async () => {
    const client = await rooms.join();
    const { participant } = await rooms.enter("there");
    await rooms.publishElsewhere(participant?.participantId ?? "");
    const offer = client.stream.newestOffer;
    const answer = async (offerId: number, sdp: string) => {
      const result = await client.ask({ $case: "subscriberAnswer", value: { offerId, sdp } });
      return result.$case === "error" ? result.value.code : result.$case;
    };
    expect(await answer(offer.offerId + 1, testAnswer(offer.sdp))).toBe("STALE_ANSWER");
    expect(await answer(offer.offerId, "garbage")).toBe("SDP_INVALID");
    expect(await answer(offer.offerId, testAnswer(offer.sdp))).toBe("done");
    expect(await answer(offer.offerId, testAnswer(offer.sdp))).toBe("STALE_ANSWER");
  });
});
