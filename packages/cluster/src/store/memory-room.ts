import type { GoneParticipant } from "@cation/proto/islb/v1/islb";
import { LeaveReason, Participant, RelayPlan, RoomEvent, RoomSnapshot, Track } from "@cation/proto/state/v1/state";
import type { RelayPlanChange, Room } from "@cation/proto/state/v1/state";
import { CodedError } from "@cation/service-kit/coded-error";
import type { RoomOccupancy, RoomPoint } from "./room-store.ts";
import { SortedIds } from "./sorted-ids.ts";

/** Who left, when and why. */
interface Departure {
  readonly atMs: number;
  readonly reason: LeaveReason;
}

/** A participant and when the store took it in. */
interface Member {
  readonly participant: Participant;
  readonly storedAtMs: number;
}

/** The records of one room in memory. Records given out are copies; `events` collects what the changes since made. */
export class MemoryRoom {
  readonly roomId: string;
  expiresAtMs = Infinity;
  #events: RoomEvent[] = [];
  #room: Room;
  readonly #members = new Map<string, Member>();
  readonly #byIdentity = new Map<string, string>();
  readonly #order = new SortedIds();
  readonly #byNode = new Map<string, Set<string>>();
  readonly #tracks = new Map<string, Track>();
  /** Track ids by publisher. */
  readonly #published = new Map<string, Set<string>>();
  readonly #departed = new Map<string, Departure>();
  #relayPlan: RelayPlan | undefined;

  constructor(roomId: string, epoch: number, nowMs: number, maxParticipants: number) {
    this.roomId = roomId;
    this.#room = { roomId, epoch, version: 0, createdAtMs: nowMs, maxParticipants };
  }

  get point(): RoomPoint {
    return { epoch: this.#room.epoch, version: this.#room.version };
  }

  get empty(): boolean {
    return this.#members.size === 0;
  }

  /** Events of the changes since the last call. */
  takeEvents(): RoomEvent[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }

  raiseEpoch(nowMs: number, above = 0): void {
    this.#room.epoch = Math.max(nowMs, this.#room.epoch + 1, above + 1);
  }

  /** Refuses a change that is not of this epoch. */
  fence(epoch: number, nowMs: number): void {
    if (epoch === 0 || epoch === this.#room.epoch) return;
    if (epoch > this.#room.epoch) this.raiseEpoch(nowMs, epoch);
    throw new CodedError("STALE_EPOCH");
  }

  /** The participant with an identity. */
  findIdentity(identity: string): Participant | undefined {
    const participantId = this.#byIdentity.get(identity);
    return participantId === undefined ? undefined : this.participant(participantId);
  }

  participant(participantId: string): Participant | undefined {
    const member = this.#members.get(participantId);
    return member && Participant.fromPartial(member.participant);
  }

  checkSpace(): void {
    const { maxParticipants } = this.#room;
    if (maxParticipants === 0 || this.#members.size < maxParticipants) return;
    throw new CodedError("ROOM_FULL", `The room has ${this.#members.size} of ${maxParticipants} participants.`);
  }

  addParticipant(given: Participant, nowMs: number): void {
    const participant = Participant.fromPartial(given);
    const { participantId, identity, nodeId } = participant;
    this.#members.set(participantId, { participant, storedAtMs: nowMs });
    this.#byIdentity.set(identity, participantId);
    this.#order.add(participantId);
    getOrAdd(this.#byNode, nodeId, () => new Set<string>()).add(participantId);
    this.#departed.delete(participantId);
    this.#publish({ $case: "participantJoined", value: participant });
  }

  /** Puts a participant that is there on another node. */
  moveParticipant(participantId: string, nodeId: string, nowMs: number): void {
    const member = this.#members.get(participantId);
    if (!member) return;
    const participant = { ...member.participant, nodeId };
    deleteFromSet(this.#byNode, member.participant.nodeId, participantId);
    getOrAdd(this.#byNode, nodeId, () => new Set<string>()).add(participantId);
    this.#members.set(participantId, { participant, storedAtMs: nowMs });
    this.#publish({ $case: "participantMoved", value: participant });
  }

  /** Whether a node may speak for a participant: it is there, or nobody says which node speaks. */
  isOn(participantId: string, nodeId: string): boolean {
    return nodeId === "" || this.#members.get(participantId)?.participant.nodeId === nodeId;
  }

  departure(participantId: string): LeaveReason | undefined {
    return this.#departed.get(participantId)?.reason;
  }

  /** Removes a participant that is there. */
  removeParticipant(participantId: string, reason: LeaveReason, nowMs: number): void {
    const member = this.#members.get(participantId);
    if (!member) return;
    const { identity, nodeId } = member.participant;
    this.#members.delete(participantId);
    this.#byIdentity.delete(identity);
    this.#order.delete(participantId);
    deleteFromSet(this.#byNode, nodeId, participantId);
    for (const trackId of this.#published.get(participantId) ?? []) this.#tracks.delete(trackId);
    this.#published.delete(participantId);
    this.#departed.set(participantId, { atMs: nowMs, reason });
    this.#publish({ $case: "participantLeft", value: { participantId, reason } });
  }

  /** Forgets departures before a time. They stand in the order in which they happened. */
  forgetDepartures(beforeMs: number): void {
    for (const [participantId, { atMs }] of this.#departed) {
      if (atMs >= beforeMs) return;
      this.#departed.delete(participantId);
    }
  }

  publishTrack(given: Track, maxTracks: number): void {
    const track = Track.fromPartial(given);
    const publisher = this.participant(track.participantId);
    if (!publisher) throw new CodedError("PARTICIPANT_NOT_FOUND");
    if (!this.isOn(track.participantId, track.nodeId)) throw new CodedError("PARTICIPANT_MOVED");
    const known = this.#tracks.get(track.trackId);
    if (known && known.participantId !== track.participantId)
      throw new CodedError("PERMISSION_DENIED", "The track id belongs to another participant.");
    if (known && sameTrack(known, track)) return;
    const published = getOrAdd(this.#published, track.participantId, () => new Set<string>());
    if (!known && published.size >= maxTracks) throw new CodedError("TRACK_LIMIT");
    published.add(track.trackId);
    this.#tracks.set(track.trackId, track);
    this.#publish({ $case: "trackPublished", value: track }, publisher);
  }

  /** Whose a track is; undefined when it is not there. */
  ownerOf(trackId: string): string | undefined {
    return this.#tracks.get(trackId)?.participantId;
  }

  unpublishTrack(trackId: string): void {
    const track = this.#tracks.get(trackId);
    if (!track) return;
    this.#tracks.delete(trackId);
    deleteFromSet(this.#published, track.participantId, trackId);
    this.#publish({ $case: "trackUnpublished", value: { trackId, participantId: track.participantId } });
  }

  setTrackMuted(trackId: string, muted: boolean): void {
    const track = this.#tracks.get(trackId);
    if (!track) throw new CodedError("TRACK_NOT_FOUND");
    if (track.muted === muted) return;
    track.muted = muted;
    this.#publish({ $case: "trackMuted", value: { trackId, participantId: track.participantId, muted } });
  }

  /** Takes a plan that follows the present one; another is passed over. */
  setRelayPlan(plan: RelayPlan, change: RelayPlanChange): void {
    if (plan.version !== (this.#relayPlan?.version ?? 0) + 1) return;
    this.#relayPlan = RelayPlan.fromPartial(plan);
    this.#publish({ $case: "relayPlanChanged", value: change });
  }

  snapshot(): RoomSnapshot {
    const publishers = [...this.#published.keys()].map((id) => (this.#members.get(id) as Member).participant);
    return RoomSnapshot.fromPartial({
      room: this.#room,
      participants: publishers,
      tracks: [...this.#tracks.values()],
      participantCount: this.#members.size,
      relayPlan: this.#relayPlan,
    });
  }

  roster(after: string, limit: number): Participant[] {
    return this.#order.after(after, limit).map((id) => this.participant(id) as Participant);
  }

  occupancy(): RoomOccupancy {
    return {
      participants: this.#members.size,
      maxParticipants: this.#room.maxParticipants,
      nodes: new Map([...this.#byNode].map(([nodeId, ids]) => [nodeId, ids.size])),
    };
  }

  participantsOn(nodeId: string): string[] {
    return [...(this.#byNode.get(nodeId) ?? [])];
  }

  /** Participants of a node that it does not hold although they came before a time. */
  findGhosts(nodeId: string, held: ReadonlySet<string>, beforeMs: number): string[] {
    return this.participantsOn(nodeId).filter(
      (id) => !held.has(id) && (this.#members.get(id) as Member).storedAtMs < beforeMs,
    );
  }

  /** What became of a participant that a node holds: undefined when it is there, "missing" when nothing is known of it. */
  findDeparture(nodeId: string, participantId: string): GoneParticipant | "missing" | undefined {
    const member = this.#members.get(participantId);
    if (member?.participant.nodeId === nodeId) return undefined;
    if (member) return { participantId, reason: LeaveReason.UNSPECIFIED };
    const departure = this.#departed.get(participantId);
    return departure ? { participantId, reason: departure.reason } : "missing";
  }

  #publish(change: NonNullable<RoomEvent["change"]>, publisher?: Participant): void {
    this.#room.version += 1;
    const { roomId, epoch, version } = this.#room;
    const participantCount = this.#members.size;
    this.#events.push(RoomEvent.fromPartial({ roomId, epoch, version, change, publisher, participantCount }));
  }
}

function sameTrack(a: Track, b: Track): boolean {
  return Buffer.compare(Track.encode(a).finish(), Track.encode(b).finish()) === 0;
}

function getOrAdd<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}

function deleteFromSet(map: Map<string, Set<string>>, key: string, value: string): void {
  const set = map.get(key);
  set?.delete(value);
  if (set?.size === 0) map.delete(key);
}
