import type { RoomChange } from "@cation/cluster/room-replica";
import { LeaveReason } from "@cation/proto/state/v1/state";
import type { Participant, RoomSnapshot, Track } from "@cation/proto/state/v1/state";
import type { EventBody } from "./event-log.ts";

/**
 * Joins of those who may publish but do not yet are told while no more than so many are in the room. Beyond it clients
 * hear of somebody with the first track: announcing every join to everybody would cost the square of the audience.
 */
export const ANNOUNCED_JOINS_MAX_PARTICIPANTS = 100;
/** A snapshot that changes more than this is told as a whole. */
const MAX_DIFF_EVENTS = 32;

/** The part of a room's replica that is read here. */
export interface RoomView {
  readonly participantCount: number;
  readonly publishers: ReadonlyMap<string, Participant>;
}

/**
 * Says the changes of a room in the words of clients: publishers and a count, not the roster. Remembers what it has
 * announced, so that nobody's leaving is told who was never there, and a snapshot is told by its differences.
 */
export class RoomAnnouncer {
  readonly #participantIds = new Set<string>();
  readonly #tracks = new Map<string, Track>();

  /** What to tell clients about a change that the room has just made. */
  announce(change: RoomChange, room: RoomView): EventBody[] {
    switch (change.$case) {
      case "reset":
        return this.#announceSnapshot(change.value);
      case "participantJoined":
        return isWorthAnnouncing(change.value, room.participantCount) ? this.#introduce(change.value) : [];
      case "participantLeft":
        for (const track of this.#tracks.values())
          if (track.participantId === change.value.participantId) this.#tracks.delete(track.trackId);
        return this.#participantIds.delete(change.value.participantId) ? [change] : [];
      case "trackPublished":
        return this.#publish(change.value, room.publishers.get(change.value.participantId));
      case "trackUnpublished":
        return this.#tracks.delete(change.value.trackId) ? [change] : [];
      case "trackMuted":
        return this.#setMuted(change.value.trackId, change.value.muted);
      case "relayPlanChanged":
        // Between nodes only.
        return [];
      case "participantMoved":
        // Who and what it is has not changed.
        return [];
      case "roomEnded":
        // Told by the end of each session.
        return [];
    }
  }

  #announceSnapshot(snapshot: RoomSnapshot): EventBody[] {
    const bodies = [...this.#announceGone(snapshot), ...this.#announceNew(snapshot)];
    return bodies.length > MAX_DIFF_EVENTS ? [{ $case: "roomReset", value: forClients(snapshot) }] : bodies;
  }

  /** Of viewers nothing is known after a snapshot: those announced are forgotten, rather than kept as ghosts. */
  #announceGone(snapshot: RoomSnapshot): EventBody[] {
    const bodies: EventBody[] = [];
    const trackIds = new Set(snapshot.tracks.map(({ trackId }) => trackId));
    const participantIds = new Set(snapshot.participants.map(({ participantId }) => participantId));
    for (const { trackId, participantId } of [...this.#tracks.values()]) {
      if (trackIds.has(trackId)) continue;
      this.#tracks.delete(trackId);
      // Somebody's leaving takes the tracks along.
      if (participantIds.has(participantId))
        bodies.push({ $case: "trackUnpublished", value: { trackId, participantId } });
    }
    for (const participantId of [...this.#participantIds]) {
      if (participantIds.has(participantId)) continue;
      this.#participantIds.delete(participantId);
      bodies.push({ $case: "participantLeft", value: { participantId, reason: LeaveReason.UNSPECIFIED } });
    }
    return bodies;
  }

  #announceNew(snapshot: RoomSnapshot): EventBody[] {
    const bodies: EventBody[] = [];
    for (const participant of snapshot.participants) {
      if (!this.#publishes(participant.participantId)) this.#participantIds.delete(participant.participantId);
      bodies.push(...this.#introduce(participant));
    }
    for (const track of snapshot.tracks) {
      bodies.push(
        ...(this.#tracks.has(track.trackId) ? this.#setMuted(track.trackId, track.muted) : this.#publish(track)),
      );
    }
    return bodies;
  }

  #introduce(participant: Participant): EventBody[] {
    if (this.#participantIds.has(participant.participantId)) return [];
    this.#participantIds.add(participant.participantId);
    return [{ $case: "participantJoined", value: participant }];
  }

  /** A first track introduces its owner again: those who joined since the join was announced have not heard of it. */
  #publish(track: Track, publisher?: Participant): EventBody[] {
    if (publisher && !this.#publishes(track.participantId)) this.#participantIds.delete(publisher.participantId);
    this.#tracks.set(track.trackId, track);
    return [...(publisher ? this.#introduce(publisher) : []), { $case: "trackPublished", value: track }];
  }

  #publishes(participantId: string): boolean {
    for (const track of this.#tracks.values()) if (track.participantId === participantId) return true;
    return false;
  }

  #setMuted(trackId: string, muted: boolean): EventBody[] {
    const track = this.#tracks.get(trackId);
    if (!track || track.muted === muted) return [];
    this.#tracks.set(trackId, { ...track, muted });
    return [{ $case: "trackMuted", value: { trackId, participantId: track.participantId, muted } }];
  }
}

/** How nodes pass tracks on is no business of clients. */
export function forClients(snapshot: RoomSnapshot): RoomSnapshot {
  return { ...snapshot, relayPlan: undefined };
}

function isWorthAnnouncing(participant: Participant, participantCount: number): boolean {
  return participantCount <= ANNOUNCED_JOINS_MAX_PARTICIPANTS && (participant.grants?.publish.length ?? 0) > 0;
}
