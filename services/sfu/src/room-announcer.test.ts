import { RoomReplica } from "@cation/cluster/room-replica";
import { Grants, MediaKind, TrackSource } from "@cation/proto/common/v1/common";
import { LeaveReason, Participant, Room, Track } from "@cation/proto/state/v1/state";
import type { RoomEvent } from "@cation/proto/state/v1/state";
import { describe, expect, it } from "vitest";
import type { EventBody } from "./event-log.ts";
import { RoomAnnouncer } from "./room-announcer.ts";

const person = (participantId: string, mayPublish = true): Participant =>
  Participant.fromPartial({
    participantId,
    identity: participantId,
    grants: Grants.fromPartial({ publish: mayPublish ? [TrackSource.CAMERA] : [], subscribe: true }),
  });
const track = (trackId: string, participantId: string, muted = false): Track =>
  Track.fromPartial({ trackId, participantId, kind: MediaKind.VIDEO, muted });

/** A replica with an announcer behind it, as in a room. */
class Told {
  readonly bodies: EventBody[] = [];
  readonly #announcer = new RoomAnnouncer();
  readonly #replica = new RoomReplica("r", (change, replica) => {
    this.bodies.push(...this.#announcer.announce(change, replica));
  });

  constructor(participants: Participant[] = [], tracks: Track[] = []) {
    this.snapshot(participants, tracks);
    this.bodies.length = 0;
  }

  snapshot(participants: Participant[], tracks: Track[], version = this.#replica.version + 5): void {
    const room = Room.fromPartial({ roomId: "r", epoch: 1, version });
    this.#replica.applySnapshot({
      room,
      participants,
      tracks,
      participantCount: participants.length,
      relayPlan: undefined,
    });
  }

  event(change: RoomEvent["change"], participantCount = 10, publisher?: Participant): string[] {
    this.bodies.length = 0;
    const version = this.#replica.version + 1;
    this.#replica.applyEvent({ roomId: "r", epoch: 1, version, change, publisher, participantCount });
    return this.bodies.map((body) => body.$case);
  }
}

const published = (trackId: string, by: string): RoomEvent["change"] => ({
  $case: "trackPublished",
  value: track(trackId, by),
});
const left = (participantId: string): RoomEvent["change"] => ({
  $case: "participantLeft",
  value: { participantId, reason: LeaveReason.LEFT },
});

describe("RoomAnnouncer", () => {
  it("introduces somebody once, at the latest with the first track", () => {
    const told = new Told();
    expect(told.event({ $case: "participantJoined", value: person("a") }, 500)).toEqual([]);
    expect(told.event(published("1", "a"), 500, person("a"))).toEqual(["participantJoined", "trackPublished"]);
    expect(told.event(published("2", "a"), 500, person("a"))).toEqual(["trackPublished"]);
  });

  it("introduces somebody again with the first track, for those who came in between", () => {
    const told = new Told();
    expect(told.event({ $case: "participantJoined", value: person("a") }, 3)).toEqual(["participantJoined"]);
    expect(told.event(published("1", "a"), 3, person("a"))).toEqual(["participantJoined", "trackPublished"]);
    expect(told.event(published("2", "a"), 3, person("a"))).toEqual(["trackPublished"]);
  });

  it("announces joins in small rooms, of those who may publish", () => {
    const told = new Told();
    expect(told.event({ $case: "participantJoined", value: person("a") }, 3)).toEqual(["participantJoined"]);
    expect(told.event({ $case: "participantJoined", value: person("v", false) }, 3)).toEqual([]);
  });

  it("tells of the leaving of those it announced only, which takes their tracks along", () => {
    const told = new Told([person("a")], [track("a1", "a")]);
    expect(told.event(left("v"))).toEqual([]);
    expect(told.event(left("a"))).toEqual(["participantLeft"]);
    expect(told.event({ $case: "trackUnpublished", value: { trackId: "a1", participantId: "a" } })).toEqual([]);
  });

  it("tells of muting when it changes something", () => {
    const told = new Told([person("a")], [track("a1", "a")]);
    const muted = { $case: "trackMuted", value: { trackId: "a1", participantId: "a", muted: true } } as const;
    expect(told.event(muted)).toEqual(["trackMuted"]);
    expect(told.event(muted)).toEqual([]);
    expect(told.event({ $case: "trackMuted", value: { ...muted.value, trackId: "unknown" } })).toEqual([]);
  });

  it("tells of a new state by its differences", () => {
    const told = new Told([person("a"), person("b")], [track("a1", "a"), track("b1", "b"), track("b2", "b")]);
    told.snapshot([person("b"), person("c")], [track("b1", "b", true), track("c1", "c")]);
    expect(told.bodies).toEqual([
      { $case: "trackUnpublished", value: { trackId: "b2", participantId: "b" } },
      { $case: "participantLeft", value: { participantId: "a", reason: LeaveReason.UNSPECIFIED } },
      { $case: "participantJoined", value: person("c") },
      { $case: "trackMuted", value: { trackId: "b1", participantId: "b", muted: true } },
      { $case: "trackPublished", value: track("c1", "c") },
    ]);
  });

  it("tells of a new state as a whole when much of it is new", () => {
    const told = new Told();
    const ids = [...Array(40).keys()].map(String);
    const tracks = ids.map((id) => track(`t${id}`, id));
    told.snapshot(
      ids.map((id) => person(id)),
      tracks,
    );
    expect(told.bodies.map((body) => body.$case)).toEqual(["roomReset"]);
    expect(told.event(left("7"))).toEqual(["participantLeft"]);
  });
});
