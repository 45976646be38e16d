import { Node, Participant, Track } from "@cation/proto/state/v1/state";
import type { RoomSnapshot } from "@cation/proto/state/v1/state";

/** A node for tests: alive, in "eu", with 100 places. */
export function makeNode(nodeId: string, overrides: Partial<Node> = {}): Node {
  return Node.create({
    nodeId,
    region: "eu",
    grpcAddress: "10.0.0.1:7000",
    capacity: { maxParticipants: 100, maxPacketsPerSecond: 50_000, maxEgressBps: 1_000_000_000 },
    load: { stress: 0.25, participants: 7 },
    startedAtMs: 1_700_000_000_000,
    version: "0.1.0",
    ...overrides,
  });
}

/** A participant for tests: id `p-<id>`, identity `i-<id>`, on node "n1". */
export function makeParticipant(id: string, overrides: Partial<Participant> = {}): Participant {
  return Participant.create({
    participantId: `p-${id}`,
    identity: `i-${id}`,
    name: `Name of ${id}`,
    grants: { publish: [1, 2], subscribe: true, administer: false },
    nodeId: "n1",
    joinedAtMs: 1_700_000_000_123,
    metadata: '{"seat": "é"}',
    ...overrides,
  });
}

/** A track for tests: id `t-<id>`, of participant `p-<publisher>`. */
export function makeTrack(id: string, publisher: string, overrides: Partial<Track> = {}): Track {
  return Track.create({
    trackId: `t-${id}`,
    participantId: `p-${publisher}`,
    nodeId: "n1",
    kind: 2,
    source: 1,
    name: id,
    codecs: [{ mimeType: "video/VP8", clockRateHz: 90_000 }],
    encodings: [{ rid: "q", width: 320, height: 180, maxBitrateBps: 150_000 }, { rid: "f" }],
    ...overrides,
  });
}

/** A snapshot whose lists are in order. */
export function sorted(snapshot: RoomSnapshot): RoomSnapshot {
  return {
    ...snapshot,
    participants: snapshot.participants.toSorted((a, b) => (a.participantId < b.participantId ? -1 : 1)),
    tracks: snapshot.tracks.toSorted(byTrackId),
  };
}

/** Orders tracks by their ids. */
export function byTrackId(a: Track, b: Track): number {
  return a.trackId < b.trackId ? -1 : 1;
}
