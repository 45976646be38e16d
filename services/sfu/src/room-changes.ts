import type { Participant, RoomEvent, Track } from "@cation/proto/state/v1/state";
import { LeaveReason } from "@cation/proto/state/v1/state";

/** One change of a room, as its events say it. */
export type RoomChange = NonNullable<RoomEvent["change"]>;

/** Who and what is in a room. */
export interface RoomContent {
  readonly participants: ReadonlyMap<string, Participant>;
  readonly tracks: ReadonlyMap<string, Track>;
}

/** A copy that does not change with the room. Records themselves are never written to. */
export function copyContent(content: RoomContent): RoomContent {
  return { participants: new Map(content.participants), tracks: new Map(content.tracks) };
}

/**
 * What leads from one state of a room to another, in an order in which each step makes sense: tracks go before their
 * publishers, publishers come before their tracks. Why somebody left is not known from states.
 */
export function diffContent(before: RoomContent, after: RoomContent): RoomChange[] {
  return [...findGone(before, after), ...findNew(before, after)];
}

function findGone(before: RoomContent, after: RoomContent): RoomChange[] {
  const changes: RoomChange[] = [];
  for (const track of before.tracks.values()) {
    if (after.tracks.has(track.trackId)) continue;
    const { trackId, participantId } = track;
    // The change "participant left" takes its tracks along.
    if (after.participants.has(participantId))
      changes.push({ $case: "trackUnpublished", value: { trackId, participantId } });
  }
  for (const participantId of before.participants.keys()) {
    if (after.participants.has(participantId)) continue;
    changes.push({ $case: "participantLeft", value: { participantId, reason: LeaveReason.UNSPECIFIED } });
  }
  return changes;
}

function findNew(before: RoomContent, after: RoomContent): RoomChange[] {
  const changes: RoomChange[] = [];
  for (const participant of after.participants.values()) {
    if (!before.participants.has(participant.participantId))
      changes.push({ $case: "participantJoined", value: participant });
  }
  for (const track of after.tracks.values()) {
    const known = before.tracks.get(track.trackId);
    if (!known) {
      changes.push({ $case: "trackPublished", value: track });
    } else if (known.muted !== track.muted) {
      const { trackId, participantId, muted } = track;
      changes.push({ $case: "trackMuted", value: { trackId, participantId, muted } });
    }
  }
  return changes;
}
