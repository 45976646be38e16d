import type { TrackBinding } from "@cation/proto/client/v1/client";
import { describe, expect, it } from "vitest";
import { Room } from "./room.ts";
import { FakeEnvironment } from "./testing/fake-environment.ts";
import { settle } from "./testing/fake-clock.ts";
import { FakeMediaTrack, type FakePeerConnection } from "./testing/fake-peer-connection.ts";
import { fakeParticipant, fakeTrack, refusal } from "./testing/fake-server.ts";

async function connectedRoom() {
  const environment = new FakeEnvironment();
  const room = new Room({ environment });
  const log: string[] = [];
  room.on("participantJoined", (participant) => log.push(`joined ${participant.name}`));
  room.on("participantLeft", (participant) => log.push(`left ${participant.name}`));
  room.on("trackPublished", (track) => log.push(`published ${track.id}`));
  room.on("trackUnpublished", (track) => log.push(`unpublished ${track.id}`));
  room.on("trackMutedChanged", (track) => log.push(`${track.muted ? "muted" : "unmuted"} ${track.id}`));
  room.on("trackMediaChanged", (track) => log.push(`${track.mediaTrack ? "media" : "no media"} ${track.id}`));
  room.on("localTrackPublished", (track) => log.push(`sending ${track.id}`));
  room.on("error", (error) => log.push(`error ${error.code}`));
  room.on("ended", (error) => log.push(`ended ${error.code}`));
  await room.connect({ url: "http://signal", token: "token" });
  return { environment, server: environment.server, clock: environment.clock, room, log };
}

function camera(height = 720): MediaStreamTrack {
  return new FakeMediaTrack("video", "camera", { width: (height * 16) / 9, height }).asMediaTrack();
}

function microphone(): MediaStreamTrack {
  return new FakeMediaTrack("audio", "microphone").asMediaTrack();
}

function offer(offerId: number, bindings: Record<string, string>, ice = 0) {
  const tracks: TrackBinding[] = Object.entries(bindings).map(([mid, trackId]) => ({
    mid,
    trackId,
    participantId: "",
  }));
  const sdp = JSON.stringify({ ice, mids: Object.keys(bindings) });
  return { $case: "subscriberOffer", value: { offerId, sdp, tracks } } as const;
}

describe("the others", () => {
  it("and their tracks are known from the join and from events, oneself excluded", async () => {
    const environment = new FakeEnvironment();
    environment.server.participants = [fakeParticipant("p1", "Ada")];
    environment.server.tracks = [fakeTrack("t1", "p1", "video"), fakeTrack("own", "me-1", "video")];
    const room = new Room({ environment });
    await room.connect({ url: "ws://signal/rtc", token: "token" });
    expect([...room.participants.keys()]).toEqual(["p1"]);
    expect(room.participants.get("p1")?.track("camera")?.id).toBe("t1");
    expect(room.participantCount).toBe(2);
    environment.server.event({ $case: "participantJoined", value: fakeParticipant("p2", "Grace") });
    environment.server.event({ $case: "participantLeft", value: { participantId: "p1", reason: 1 } });
    expect([...room.participants.values()].map((participant) => participant.name)).toEqual(["Grace"]);
  });

  it("are matched with their media, whichever comes first", async () => {
    const { server, log } = await connectedRoom();
    server.event({ $case: "participantJoined", value: fakeParticipant("p1", "Ada") });
    server.event({ $case: "trackPublished", value: fakeTrack("t1", "p1", "audio") });
    server.event(offer(1, { a0: "t1", v1: "t2" }));
    await settle();
    server.event({ $case: "trackPublished", value: fakeTrack("t2", "p1", "video") });
    expect(log).toEqual(["joined Ada", "published t1", "media t1", "published t2", "media t2"]);
    expect(server.received("subscriberAnswer")).toMatchObject([{ offerId: 1 }]);
  });

  it("keep an m-line only as long as the newest offer says", async () => {
    const { server, room, log } = await connectedRoom();
    server.event({ $case: "trackPublished", value: fakeTrack("t1", "p1", "audio") });
    server.event(offer(1, { a0: "t1" }));
    await settle();
    const first = room.participants.get("p1")?.tracks.get("t1")?.mediaTrack;
    server.event({ $case: "trackUnpublished", value: { trackId: "t1", participantId: "p1" } });
    server.event({ $case: "trackPublished", value: fakeTrack("t2", "p1", "audio") });
    server.event(offer(2, { a0: "t2" }));
    await settle();
    expect(log.slice(-4)).toEqual(["no media t1", "unpublished t1", "published t2", "media t2"]);
    expect(room.participants.get("p1")?.tracks.get("t2")?.mediaTrack).toBe(first);
  });

  it("get their names when a track was quicker than its owner's introduction", async () => {
    const { server, room } = await connectedRoom();
    const changes: string[] = [];
    room.on("participantChanged", (participant) => changes.push(participant.name));
    server.event({ $case: "trackPublished", value: fakeTrack("t1", "p1", "audio") });
    server.event({ $case: "participantJoined", value: fakeParticipant("p1", "Ada") });
    server.event({ $case: "participantJoined", value: fakeParticipant("p1", "Ada") });
    expect(changes).toEqual(["Ada"]);
    expect(room.participants.get("p1")?.track("microphone")?.id).toBe("t1");
  });

  it("are muted and unmuted, each change told once", async () => {
    const { server, log } = await connectedRoom();
    server.event({ $case: "trackPublished", value: fakeTrack("t1", "p1", "audio") });
    for (const muted of [true, true, false]) {
      server.event({ $case: "trackMuted", value: { trackId: "t1", participantId: "p1", muted } });
    }
    expect(log.slice(-2)).toEqual(["muted t1", "unmuted t1"]);
  });

  it("are replaced by a snapshot when the server lost count", async () => {
    const { server, room, log } = await connectedRoom();
    server.event({ $case: "participantJoined", value: fakeParticipant("p1", "Ada") });
    server.event({ $case: "trackPublished", value: fakeTrack("t1", "p1", "audio") });
    log.length = 0;
    server.event({
      $case: "roomReset",
      value: {
        room: undefined,
        participants: [fakeParticipant("p2", "Grace")],
        tracks: [fakeTrack("t2", "p2", "video")],
        participantCount: 9,
        relayPlan: undefined,
      },
    });
    expect(log).toEqual(["unpublished t1", "left Ada", "joined Grace", "published t2"]);
    expect(room.participantCount).toBe(9);
  });
});

describe("offers of the server", () => {
  it("are answered one after the other, overtaken ones not at all", async () => {
    const { server } = await connectedRoom();
    server.event(offer(1, { a0: "t1" }));
    server.event(offer(2, { a0: "t1", v1: "t2" }));
    server.event(offer(3, { a0: "t1", v1: "t2", v2: "t3" }));
    await settle();
    expect(server.received("subscriberAnswer").map((answer) => answer.offerId)).toEqual([3]);
  });

  it("are answered again when the answer was lost with the connection", async () => {
    const { server, clock, log } = await connectedRoom();
    server.loseAnswersTo.add("subscriberAnswer");
    server.event(offer(1, { a0: "t1" }));
    await settle();
    server.refusals.set("subscriberAnswer", refusal("STALE_ANSWER", false).value);
    server.cut();
    await clock.advance(0);
    expect(server.received("subscriberAnswer").map((answer) => answer.offerId)).toEqual([1, 1]);
    expect(log).toEqual([]);
  });

  it("that the browser refuses lead to one new join", async () => {
    const { server, environment, log, clock } = await connectedRoom();
    server.event(offer(1, { a0: "t1" }));
    await settle();
    environment.peerConnections[0]!.refuseNextRemote = true;
    server.event(offer(2, { a0: "t1" }));
    await clock.advance(1_000);
    expect(log).toEqual(["error NEGOTIATION_FAILED"]);
    expect(server.received("join")).toHaveLength(2);
    expect(environment.peerConnections[0]!.connectionState).toBe("closed");
  });

  it("are asked for when a resumed session could not repeat its events", async () => {
    const { server, clock } = await connectedRoom();
    server.cut();
    server.forgetsEvents = true;
    await clock.advance(0);
    expect(server.received("restartSubscriber")).toHaveLength(1);
  });
});

describe("publishing", () => {
  it("offers tracks of one moment together, with simulcast for the camera", async () => {
    const { server, room, environment, log } = await connectedRoom();
    const [sound, picture] = await Promise.all([
      room.publish(microphone(), { source: "microphone" }),
      room.publish(camera(), { source: "camera", name: "front" }),
    ]);
    expect(server.received("publisherOffer")).toHaveLength(1);
    expect(server.received("publisherOffer")[0]?.tracks).toMatchObject([
      { mid: "0", source: 2, encodings: [] },
      {
        mid: "1",
        source: 1,
        name: "front",
        encodings: [
          { rid: "q", width: 320, height: 180 },
          { rid: "h", width: 640, height: 360 },
          { rid: "f", width: 1280, height: 720 },
        ],
      },
    ]);
    expect([sound.id, picture.id]).toEqual(["track-1", "track-2"]);
    expect(log).toEqual(["sending track-1", "sending track-2"]);
    expect(environment.peerConnections).toHaveLength(1);
    expect(room.localParticipant?.track("camera")).toBe(picture);
    expect(picture.mediaTrack?.contentHint).toBe("motion");
  });

  it("gives a refusal to the track that was refused", async () => {
    const { server, room, environment } = await connectedRoom();
    server.refusals.set("publisherOffer", refusal("PERMISSION_DENIED", false).value);
    const sound = room.publish(microphone(), { source: "microphone" });
    await expect(sound).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
    server.refusals.clear();
    await room.publish(camera(360), { source: "camera" });
    expect(server.received("publisherOffer").at(-1)?.tracks).toHaveLength(1);
    expect(environment.peerConnections[0]!.signalingState).toBe("stable");
  });

  it("stops a track on both sides", async () => {
    const { server, room } = await connectedRoom();
    const track = await room.publish(microphone(), { source: "microphone" });
    await track.unpublish();
    expect(server.received("unpublish")).toEqual([{ trackId: "track-1" }]);
    expect(server.received("publisherOffer").at(-1)?.tracks).toEqual([]);
    expect(room.localParticipant?.tracks.size).toBe(0);
  });

  it("mutes at once, even while the connection is lost, and tells the server when it is back", async () => {
    const { server, room, clock } = await connectedRoom();
    const track = await room.publish(microphone(), { source: "microphone" });
    server.cut();
    const muting = track.mute();
    expect(track.mediaTrack?.enabled).toBe(false);
    await clock.advance(0);
    await muting;
    expect(server.received("setMuted")).toEqual([{ trackId: "track-1", muted: true }]);
  });

  it("tells of a track muted while its offer was under way", async () => {
    const { server, room, clock } = await connectedRoom();
    server.loseAnswersTo.add("publisherOffer");
    const publishing = room.publish(microphone(), { source: "microphone" });
    await settle();
    server.cut();
    await clock.advance(0);
    const track = await publishing;
    expect(server.received("publisherOffer")).toHaveLength(2);
    expect(track.id).toBe("track-1");
  });

  it("obeys when somebody who administers the room mutes the track", async () => {
    const { server, room } = await connectedRoom();
    const track = await room.publish(microphone(), { source: "microphone" });
    server.event({ $case: "trackMuted", value: { trackId: track.id, participantId: "me-1", muted: true } });
    expect(track.muted).toBe(true);
    expect(track.mediaTrack?.enabled).toBe(false);
  });

  it("lets a device go and takes another without a negotiation", async () => {
    const { server, room, environment } = await connectedRoom();
    const track = await room.publish(camera(), { source: "camera" });
    await track.replaceMedia(null);
    const sender = environment.peerConnections[0]!.transceivers[0]!.sender;
    expect(sender.track).toBeNull();
    const other = camera(360);
    await track.replaceMedia(other);
    expect(sender.track).toBe(other);
    expect(server.received("publisherOffer")).toHaveLength(1);
  });

  it("sends audio with redundancy where that is wanted", async () => {
    const { environment, room } = await connectedRoom();
    await room.publish(microphone(), { source: "microphone", redundancy: true });
    const mimeTypes = environment.peerConnections[0]!.transceivers[0]!.codecs.map(({ mimeType }) => mimeType);
    expect(mimeTypes).toEqual(["audio/red", "audio/opus"]);
  });

  it("prefers a codec where the browser has it", async () => {
    const { room, environment } = await connectedRoom();
    await room.publish(camera(), { source: "camera", codec: "video/vp9" });
    expect(environment.peerConnections[0]!.transceivers[0]!.codecs[0]?.mimeType).toBe("video/VP9");
  });

  it("begins anew on a new session, with what is muted still muted and what is let go still silent", async () => {
    const { server, room, environment, clock, log } = await connectedRoom();
    const sound = await room.publish(microphone(), { source: "microphone" });
    const picture = await room.publish(camera(), { source: "camera" });
    await sound.mute();
    await picture.replaceMedia(null);
    server.sessions = [];
    server.cut();
    await clock.advance(1_000);
    expect(server.received("join")).toHaveLength(2);
    expect(server.received("publisherOffer").at(-1)?.tracks).toMatchObject([
      { source: 2, muted: true },
      { source: 1, encodings: [{ rid: "q" }, { rid: "h" }, { rid: "f" }] },
    ]);
    expect([sound.id, picture.id]).toEqual(["track-3", "track-4"]);
    expect(log.slice(-2)).toEqual(["sending track-3", "sending track-4"]);
    expect(environment.peerConnections[0]!.connectionState).toBe("closed");
    expect(environment.peerConnections[1]!.transceivers[1]!.sender.track).toBeNull();
  });

  it("that was under way when the session was lost is carried out on the next", async () => {
    const { server, room, clock } = await connectedRoom();
    server.loseAnswersTo.add("publisherOffer");
    const publishing = room.publish(microphone(), { source: "microphone" });
    await settle();
    server.sessions = [];
    server.cut();
    await clock.advance(1_000);
    const track = await publishing;
    expect(track.id).toBe("track-2");
    expect(room.localParticipant?.tracks.has(track)).toBe(true);
  });

  it("is refused by a room that is not connected", async () => {
    const room = new Room({ environment: new FakeEnvironment() });
    await expect(room.publish(microphone(), { source: "microphone" })).rejects.toMatchObject({ code: "NOT_CONNECTED" });
  });
});

describe("a lost media path", () => {
  async function withMedia() {
    const context = await connectedRoom();
    await context.room.publish(microphone(), { source: "microphone" });
    context.server.event(offer(1, { a0: "t1" }));
    await settle();
    const [publisher, subscriber] = context.environment.peerConnections as [FakePeerConnection, FakePeerConnection];
    publisher.become("connected");
    subscriber.become("connected");
    return { ...context, publisher, subscriber };
  }

  it("is restarted by the side that offers: a new offer for what is sent, a request for what is received", async () => {
    const { server, publisher, subscriber } = await withMedia();
    publisher.become("failed");
    subscriber.become("failed");
    await settle();
    expect(publisher.iceGeneration).toBe(1);
    expect(server.received("restartSubscriber")).toHaveLength(1);
  });

  it("may come back by itself", async () => {
    const { publisher, clock } = await withMedia();
    publisher.become("disconnected");
    await clock.advance(2_000);
    publisher.become("connected");
    await clock.advance(20_000);
    expect(publisher.iceGeneration).toBe(0);
  });

  it("is restarted at once on another network, without further restarts when nothing was lost", async () => {
    const { environment, publisher, server, clock } = await withMedia();
    environment.changeNetwork();
    await clock.advance(60_000);
    expect(publisher.iceGeneration).toBe(1);
    expect(server.received("restartSubscriber")).toHaveLength(1);
    expect(server.received("ping").length).toBeGreaterThan(0);
  });

  it("that restarts do not heal leads to a new join", async () => {
    const { subscriber, server, clock, log } = await withMedia();
    subscriber.become("failed");
    await clock.advance(40_000);
    expect(server.received("restartSubscriber")).toHaveLength(3);
    expect(log).toContain("error MEDIA_FAILED");
    expect(server.received("join")).toHaveLength(2);
  });

  it("that never existed is told in words and not tried for ever", async () => {
    const { environment, server, clock, log } = await connectedRoom();
    server.event(offer(1, { a0: "t1" }));
    await settle();
    environment.peerConnections[0]!.become("failed");
    await clock.advance(120_000);
    expect(log.filter((line) => line === "error MEDIA_FAILED")).toHaveLength(1);
    expect(server.received("join")).toHaveLength(1);
  });
});

describe("wishes", () => {
  it("are merged and told again on a new session", async () => {
    const { server, room, clock } = await connectedRoom();
    await room.setSubscription("t1", { maxSpatialId: 0 });
    await room.setSubscription("t1", { paused: true });
    server.sessions = [];
    server.cut();
    await clock.advance(1_000);
    expect(server.received("setSubscription")).toMatchObject([
      { trackId: "t1", subscribed: true, paused: false, maxSpatialId: 0 },
      { trackId: "t1", subscribed: true, paused: true, maxSpatialId: 0 },
      { trackId: "t1", subscribed: true, paused: true, maxSpatialId: 0 },
    ]);
  });
});

describe("leaving", () => {
  it("closes everything, and the room can be joined again", async () => {
    const { environment, server, room, clock, log } = await connectedRoom();
    await room.publish(microphone(), { source: "microphone" });
    server.event(offer(1, { a0: "t1" }));
    await settle();
    await room.leave();
    expect(environment.peerConnections.map((connection) => connection.connectionState)).toEqual(["closed", "closed"]);
    expect(environment.networkListeners).toBe(0);
    await settle();
    expect(clock.pending).toBe(0);
    expect(log.at(-1)).toBe("ended LEFT");
    await room.connect({ url: "ws://signal", token: "token" });
    expect(room.state).toBe("connected");
    await expect(room.connect({ url: "ws://signal", token: "token" })).rejects.toMatchObject({
      code: "ALREADY_CONNECTED",
    });
  });
});

describe("a move to another node", () => {
  it("publishes the same tracks there, and goes on sending until the new connection does", async () => {
    const { server, room, environment, clock } = await connectedRoom();
    const picture = await room.publish(camera(), { source: "camera" });
    const sound = await room.publish(microphone(), { source: "microphone" });
    const [old] = environment.peerConnections as [FakePeerConnection];
    server.event({ $case: "moveRequested", value: {} });
    await settle();
    expect(room.localParticipant?.id).toBe("me-1");
    expect([picture.id, sound.id]).toEqual(["track-1", "track-2"]);
    expect(server.received("publisherOffer").at(-1)?.tracks).toMatchObject([
      { trackId: "track-1" },
      { trackId: "track-2" },
    ]);
    const fresh = environment.peerConnections.at(-1)!;
    await clock.advance(5_000);
    expect(old.connectionState).not.toBe("closed");
    fresh.become("connected");
    await clock.advance(2_000);
    expect(old.connectionState).not.toBe("closed");
    await clock.advance(1_500);
    expect(old.connectionState).toBe("closed");
    expect(fresh.connectionState).toBe("connected");
  });

  it("shows what the old connection plays until the new one has decoded the same track", async () => {
    const { server, room, environment, clock, log } = await connectedRoom();
    server.tracks = [fakeTrack("t1", "p1", "video"), fakeTrack("t2", "p1", "audio")];
    for (const value of server.tracks) server.event({ $case: "trackPublished", value });
    server.event(offer(1, { v0: "t1", a1: "t2" }));
    await settle();
    const shown = () => [...room.participants.values()].flatMap(({ tracks }) => [...tracks.values()]);
    const [oldPicture, oldSound] = shown().map(({ mediaTrack }) => mediaTrack);
    const [old] = environment.peerConnections as [FakePeerConnection];
    const before = log.length;
    server.event({ $case: "moveRequested", value: {} });
    await settle();
    server.event(offer(1, { v5: "t1", a6: "t2" }));
    await settle();
    const fresh = environment.peerConnections.at(-1)!;
    await clock.advance(500);
    expect(shown().map(({ mediaTrack }) => mediaTrack)).toEqual([oldPicture, oldSound]);
    const [picture, sound] = fresh.transceivers.map(({ receiver }) => receiver.track) as [
      MediaStreamTrack,
      MediaStreamTrack,
    ];
    const plays = (one: MediaStreamTrack) => ({ type: "inbound-rtp", trackIdentifier: one.id, framesDecoded: 1 });
    fresh.stats = [plays(picture), { ...plays(sound), framesDecoded: 0 }];
    await clock.advance(100);
    expect(shown().map(({ mediaTrack }) => mediaTrack)).toEqual([picture, oldSound]);
    expect(old.connectionState).not.toBe("closed");
    fresh.stats = [plays(picture), { ...plays(sound), totalSamplesReceived: 960 }];
    await clock.advance(100);
    expect(shown().map(({ mediaTrack }) => mediaTrack)).toEqual([picture, sound]);
    expect(old.connectionState).toBe("closed");
    expect(log.slice(before)).toEqual(["media t1", "media t2"]);
  });
});

describe("what the server says of media", () => {
  it("moves a track to the line that carries it now, without an offer", async () => {
    const { server, room, log } = await connectedRoom();
    for (const id of ["t1", "t2", "t3"]) {
      server.event({ $case: "trackPublished", value: fakeTrack(id, `p-${id}`, "audio") });
    }
    server.event(offer(1, { a0: "t1", a1: "t2" }));
    await settle();
    const media = room.participants.get("p-t2")?.tracks.get("t2")?.mediaTrack;
    expect(media).toBeDefined();
    server.event({
      $case: "trackBindings",
      value: { tracks: [{ mid: "a1", trackId: "t3", participantId: "p-t3" }] },
    });
    expect(log.slice(-2)).toEqual(["no media t2", "media t3"]);
    expect(room.participants.get("p-t3")?.tracks.get("t3")?.mediaTrack).toBe(media);
    expect(server.received("subscriberAnswer")).toHaveLength(1);
    server.event(offer(2, { a0: "t1", a1: "t3" }));
    await settle();
    expect(room.participants.get("p-t3")?.tracks.get("t3")?.mediaTrack).toBe(media);
  });

  it("sends of a camera what others want, and everything again when they do", async () => {
    const { environment, server, room } = await connectedRoom();
    const track = await room.publish(camera(), { source: "camera" });
    const [connection] = environment.peerConnections;
    const active = () => connection.transceivers[0].sendEncodings.map((encoding) => encoding.active);
    const demand = async (wanted: boolean, maxSpatialId: number) => {
      const value = { tracks: [{ trackId: track.id, wanted, maxSpatialId, maxTemporalId: 3 }] };
      server.event({ $case: "trackDemands", value });
      await settle();
    };
    await demand(true, 1);
    expect(active()).toEqual([true, true, false]);
    await demand(false, 0);
    expect(active()).toEqual([false, false, false]);
    await demand(true, 2);
    expect(active()).toEqual([true, true, true]);
  });

  it("asks for the size at which a picture is shown, and for none while it is not seen", async () => {
    const { environment, server, clock, room } = await connectedRoom();
    server.event({ $case: "trackPublished", value: fakeTrack("t1", "p1", "video") });
    const stop = room.observeVideo("t1", {} as Element);
    environment.elementSizes[0](310, 180);
    await clock.advance(300);
    expect(server.received("setSubscription").at(-1)).toMatchObject({ trackId: "t1", paused: false, width: 320 });
    await room.setSubscription("t1", { priority: "pinned" });
    expect(server.received("setSubscription").at(-1)).toMatchObject({ width: 320, priority: 3 });
    environment.elementSizes[0](0, 0);
    await clock.advance(300);
    expect(server.received("setSubscription").at(-1)).toMatchObject({ paused: true, width: 320, priority: 3 });
    stop();
  });

  it("tells who speaks, what is held back, and how well connections work", async () => {
    const { server, room } = await connectedRoom();
    const events: unknown[] = [];
    room.on("speakersChanged", (ids) => events.push(ids));
    room.on("connectionQualityChanged", (id, score) => events.push([id, score]));
    room.on("trackShareChanged", (track) => events.push(track.share));
    room.on("mediaReported", (report) => events.push(report.targetBps));
    server.event({ $case: "trackPublished", value: fakeTrack("t1", "p1", "video") });
    server.event({ $case: "activeSpeakers", value: { participantIds: ["p1"] } });
    server.event({ $case: "connectionQualities", value: { participants: [{ participantId: "p1", score: 2.5 }] } });
    const paused = { trackId: "t1", reason: 2 as const, paused: true, spatialId: 0, temporalId: 0 };
    const allocations = { $case: "trackAllocations", value: { tracks: [paused] } } as const;
    server.event({ ...allocations, value: { tracks: [paused] } });
    const report = { targetBps: 500_000, allocatedBps: 1, demandBps: 2, received: [], sent: [] };
    server.event({ $case: "mediaReport", value: report });
    expect(events).toEqual([
      ["p1"],
      ["p1", 2.5],
      { isPaused: true, isHeldBack: true, spatialId: 0, temporalId: 0 },
      500_000,
    ]);
    expect(room.speakers).toEqual(["p1"]);
    expect(room.connectionQualities.get("p1")).toBe(2.5);
    expect(room.participants.get("p1")?.tracks.get("t1")?.share.isPaused).toBe(true);
    expect(room.mediaReport?.demandBps).toBe(2);
  });
});
