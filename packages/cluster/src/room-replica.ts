import { Room, RoomSnapshot } from "@cation/proto/state/v1/state";
import type { Participant, RelayPlan, RoomEvent, Track } from "@cation/proto/state/v1/state";
import { applyPlanChange } from "./relay-plan.ts";

/**
 * What changed in a replica. `reset`: everything may have; the value is the room as it is known now. The others are
 * changes of the room in order, each told after the replica has it.
 */
export type RoomChange =
  | { $case: "reset"; value: RoomSnapshot }
  | Exclude<RoomEvent["change"], undefined | { $case: "batch" }>;

/**
 * What an event did. `applied`: the replica is at least at its version. `duplicate`: it was there already. `gap`: the
 * replica lacks something; the caller reads the room again (at once, or after a moment if `behind` is still true, since
 * events of two publishers may overtake each other).
 */
export type ApplyResult = "applied" | "duplicate" | "gap";

/** Events that came too early and are kept until the gap before them is filled. More are forgotten, oldest version first. */
const MAX_EARLY_EVENTS = 4_096;

/**
 * A node's copy of one room: fed with snapshots and events in any order, with losses and duplicates, it is at every
 * moment the room as it was at some version, and never goes back.
 *
 * It knows who publishes, their tracks, and how many participants there are; not the audience.
 */
export class RoomReplica {
  readonly roomId: string;
  readonly #onChange: (change: RoomChange, replica: RoomReplica) => void;
  #room: Room;
  #known = false;
  #ended = false;
  #participantCount = 0;
  #publishers = new Map<string, Participant>();
  #tracks = new Map<string, Track>();
  #relayPlan: RelayPlan | undefined;
  #early = new Map<number, RoomEvent>();
  #newerEpoch = 0;

  /** @param onChange told of every change; must not apply anything itself. */
  constructor(roomId: string, onChange: (change: RoomChange, replica: RoomReplica) => void = () => {}) {
    this.roomId = roomId;
    this.#onChange = onChange;
    this.#room = Room.create({ roomId });
  }

  /** The room's record. Epoch and version are 0 until the first snapshot. */
  get room(): Readonly<Room> {
    return this.#room;
  }

  get epoch(): number {
    return this.#room.epoch;
  }

  get version(): number {
    return this.#room.version;
  }

  /** Everybody in the room, publishers and viewers. */
  get participantCount(): number {
    return this.#participantCount;
  }

  /** Those who publish, by participant id. */
  get publishers(): ReadonlyMap<string, Participant> {
    return this.#publishers;
  }

  /** Tracks by track id. */
  get tracks(): ReadonlyMap<string, Track> {
    return this.#tracks;
  }

  /** How tracks travel between the nodes; undefined while the room is on one. */
  get relayPlan(): RelayPlan | undefined {
    return this.#relayPlan;
  }

  /** Whether the room was closed. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Whether the room is known to have moved on beyond what is here: the caller has to read it. True before the first snapshot. */
  get behind(): boolean {
    return !this.#known || this.#newerEpoch > this.epoch || this.#early.size > 0;
  }

  /** The room as it is known, for a client that joins. */
  snapshot(): RoomSnapshot {
    return RoomSnapshot.create({
      room: this.#room,
      participants: [...this.#publishers.values()],
      tracks: [...this.#tracks.values()],
      participantCount: this.#participantCount,
      relayPlan: this.#relayPlan,
    });
  }

  /** Takes the room as it was read. False when it is older than what is known, or the same: nothing changed. */
  applySnapshot(snapshot: RoomSnapshot): boolean {
    const room = snapshot.room;
    if (!room || room.roomId !== this.roomId) return false;
    if (this.#known && compare(room, this.#room) <= 0) return false;
    this.#known = true;
    this.#room = Room.fromPartial(room);
    this.#ended = false;
    this.#participantCount = snapshot.participantCount;
    this.#publishers = new Map(snapshot.participants.map((participant) => [participant.participantId, participant]));
    this.#tracks = new Map(snapshot.tracks.map((track) => [track.trackId, track]));
    this.#relayPlan = snapshot.relayPlan;
    this.#onChange({ $case: "reset", value: snapshot }, this);
    this.#applyEarly();
    return true;
  }

  /** Takes one event of the room. */
  applyEvent(event: RoomEvent): ApplyResult {
    if (event.roomId !== this.roomId) return "duplicate";
    if (this.#known && compare(event, this.#room) <= 0) return "duplicate";
    if (!this.#known || event.epoch !== this.epoch || event.version !== this.version + 1) {
      this.#keep(event);
      return "gap";
    }
    this.#apply(event);
    this.#applyEarly();
    return "applied";
  }

  #keep(event: RoomEvent): void {
    if (event.epoch < this.#newerEpoch) return;
    if (event.epoch > this.#newerEpoch) {
      this.#newerEpoch = event.epoch;
      this.#early.clear();
    }
    this.#early.set(event.version, event);
    if (this.#early.size > MAX_EARLY_EVENTS) this.#early.delete(Math.min(...this.#early.keys()));
  }

  /** Applies kept events as far as they follow, and forgets those that are old now. */
  #applyEarly(): void {
    if (this.#early.size === 0) return;
    for (let next = this.#takeNext(); next; next = this.#takeNext()) this.#apply(next);
    for (const [version, event] of this.#early) if (compare(event, this.#room) <= 0) this.#early.delete(version);
  }

  #takeNext(): RoomEvent | undefined {
    const event = this.#early.get(this.version + 1);
    if (event?.epoch !== this.epoch) return undefined;
    this.#early.delete(event.version);
    return event;
  }

  #apply(event: RoomEvent): void {
    this.#room.version = event.version;
    this.#participantCount = event.participantCount;
    const change = event.change;
    // A newer release may publish changes that this one does not know; the version moves on with them.
    if (!change || change.$case === "batch") return;
    switch (change.$case) {
      case "participantJoined":
        break;
      case "participantMoved":
        if (this.#publishers.has(change.value.participantId))
          this.#publishers.set(change.value.participantId, change.value);
        break;
      case "participantLeft":
        this.#removeParticipant(change.value.participantId);
        break;
      case "trackPublished":
        if (event.publisher) this.#publishers.set(event.publisher.participantId, event.publisher);
        this.#tracks.set(change.value.trackId, change.value);
        break;
      case "trackUnpublished":
        this.#removeTrack(change.value.trackId);
        break;
      case "trackMuted":
        this.#setMuted(change.value.trackId, change.value.muted);
        break;
      case "relayPlanChanged":
        this.#relayPlan = applyPlanChange(this.#relayPlan, change.value);
        break;
      case "roomEnded":
        this.#ended = true;
        this.#publishers.clear();
        this.#tracks.clear();
        break;
    }
    this.#onChange(change, this);
  }

  #removeParticipant(participantId: string): void {
    this.#publishers.delete(participantId);
    for (const track of this.#tracks.values())
      if (track.participantId === participantId) this.#tracks.delete(track.trackId);
  }

  #removeTrack(trackId: string): void {
    const track = this.#tracks.get(trackId);
    if (!track) return;
    this.#tracks.delete(trackId);
    for (const other of this.#tracks.values()) if (other.participantId === track.participantId) return;
    this.#publishers.delete(track.participantId);
  }

  #setMuted(trackId: string, muted: boolean): void {
    const track = this.#tracks.get(trackId);
    if (track) this.#tracks.set(trackId, { ...track, muted });
  }
}

interface Position {
  readonly epoch: number;
  readonly version: number;
}

function compare(a: Position, b: Position): number {
  return a.epoch - b.epoch || a.version - b.version;
}
