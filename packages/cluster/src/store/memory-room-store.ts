import type { GoneParticipant } from "@cation/proto/islb/v1/islb";
import { LeaveReason } from "@cation/proto/state/v1/state";
import type { Participant, RoomSnapshot } from "@cation/proto/state/v1/state";
import type { Clock } from "@cation/service-kit/clock";
import { CodedError } from "@cation/service-kit/coded-error";
import { MemoryRoom } from "./memory-room.ts";
import { DEFAULT_ROOM_STORE_OPTIONS } from "./room-store.ts";
import type {
  FoundParticipant,
  JoinedRoom,
  JoinRoom,
  LeaveRoom,
  MovedParticipant,
  MoveParticipant,
  NodeRoomReport,
  PublishTrack,
  ReconciledRoom,
  RestoredRoom,
  RestoreRoom,
  RoomOccupancy,
  RoomPoint,
  RoomStore,
  RoomStoreOptions,
  RosterPage,
  SetRelayPlan,
  SetTrackMuted,
  StoredChange,
  UnpublishTrack,
} from "./room-store.ts";

const NO_ROOM: RoomPoint = { epoch: 0, version: 0 };
const COLLECT_INTERVAL_MS = 5_000;

/** Rooms in the memory of one process. */
export class MemoryRoomStore implements RoomStore {
  readonly #clock: Clock;
  readonly #options: RoomStoreOptions;
  readonly #rooms = new Map<string, MemoryRoom>();
  #collectAtMs = 0;

  constructor(clock: Clock, options: Partial<RoomStoreOptions> = {}) {
    this.#clock = clock;
    this.#options = { ...DEFAULT_ROOM_STORE_OPTIONS, ...options };
  }

  async joinRoom({ roomId, participant, maxParticipants }: JoinRoom): Promise<JoinedRoom> {
    const nowMs = this.#clock.nowMs();
    this.#collect(nowMs);
    const room = this.#find(roomId) ?? new MemoryRoom(roomId, nowMs, nowMs, maxParticipants);
    const known = room.participant(participant.participantId);
    if (known && known.identity !== participant.identity)
      throw new CodedError("PERMISSION_DENIED", "The participant id belongs to another identity.");
    const replaced = known ? undefined : room.findIdentity(participant.identity);
    if (!known) {
      if (replaced) room.removeParticipant(replaced.participantId, LeaveReason.REPLACED, nowMs);
      else room.checkSpace();
      room.addParticipant(participant, nowMs);
    }
    this.#rooms.set(roomId, room);
    return { ...this.#commit(room), room: room.snapshot(), replaced };
  }

  async moveParticipant({ roomId, participantId, fromNodeId, toNodeId }: MoveParticipant): Promise<MovedParticipant> {
    const room = this.#find(roomId);
    if (!room?.participant(participantId)) throw new CodedError("PARTICIPANT_NOT_FOUND");
    if (room.isOn(participantId, fromNodeId)) room.moveParticipant(participantId, toNodeId, this.#clock.nowMs());
    const participant = room.participant(participantId) as Participant;
    return { ...this.#commit(room), participant, room: room.snapshot() };
  }

  async leaveRoom({ roomId, participantId, epoch, reason, nodeId = "" }: LeaveRoom): Promise<StoredChange> {
    const room = this.#find(roomId);
    if (!room?.participant(participantId) || !room.isOn(participantId, nodeId)) return unchanged(room);
    const nowMs = this.#clock.nowMs();
    room.fence(epoch, nowMs);
    room.removeParticipant(participantId, reason, nowMs);
    return this.#commit(room);
  }

  async publishTrack({ roomId, epoch, track }: PublishTrack): Promise<StoredChange> {
    const room = this.#find(roomId);
    if (!room) throw new CodedError("PARTICIPANT_NOT_FOUND");
    room.fence(epoch, this.#clock.nowMs());
    room.publishTrack(track, this.#options.maxTracksPerParticipant);
    return this.#commit(room);
  }

  async unpublishTrack({ roomId, epoch, trackId, nodeId = "" }: UnpublishTrack): Promise<StoredChange> {
    const room = this.#find(roomId);
    const owner = room?.ownerOf(trackId);
    if (!room || owner === undefined || !room.isOn(owner, nodeId)) return unchanged(room);
    room.fence(epoch, this.#clock.nowMs());
    room.unpublishTrack(trackId);
    return this.#commit(room);
  }

  async setTrackMuted({ roomId, epoch, trackId, muted }: SetTrackMuted): Promise<StoredChange> {
    const room = this.#find(roomId);
    if (!room) throw new CodedError("TRACK_NOT_FOUND");
    room.fence(epoch, this.#clock.nowMs());
    room.setTrackMuted(trackId, muted);
    return this.#commit(room);
  }

  async setRelayPlan({ roomId, epoch, plan, change }: SetRelayPlan): Promise<StoredChange> {
    const room = this.#find(roomId);
    if (!room) return unchanged(room);
    room.fence(epoch, this.#clock.nowMs());
    room.setRelayPlan(plan, change);
    return this.#commit(room);
  }

  async readPoints(roomIds: readonly string[]): Promise<(RoomPoint | undefined)[]> {
    return roomIds.map((roomId) => this.#find(roomId)?.point);
  }

  async readRoom(roomId: string): Promise<RoomSnapshot | undefined> {
    return this.#find(roomId)?.snapshot();
  }

  async readParticipant(roomId: string, participantId: string): Promise<FoundParticipant | undefined> {
    const room = this.#find(roomId);
    const participant = room?.participant(participantId);
    return room && participant && { participant, epoch: room.point.epoch };
  }

  async readDeparture(roomId: string, participantId: string): Promise<LeaveReason | undefined> {
    return this.#find(roomId)?.departure(participantId);
  }

  async readRoster(roomId: string, after: string, limit: number): Promise<RosterPage | undefined> {
    // One more than asked tells whether there is a next page.
    const participants = this.#find(roomId)?.roster(after, limit + 1);
    if (!participants) return undefined;
    const more = participants.length > limit;
    if (more) participants.pop();
    return { participants, next: more ? (participants.at(-1)?.participantId ?? "") : "" };
  }

  async readOccupancy(roomId: string): Promise<RoomOccupancy | undefined> {
    return this.#find(roomId)?.occupancy();
  }

  async reconcileNode(report: NodeRoomReport): Promise<ReconciledRoom> {
    const { roomId, nodeId, epoch, participantIds, graceMs } = report;
    const room = this.#find(roomId);
    const held = new Set(participantIds);
    if (!room) return { ...NO_ROOM, events: [], exists: false, gone: [], missing: [...held], participantsOnNode: 0 };
    const nowMs = this.#clock.nowMs();
    if (epoch > room.point.epoch) room.raiseEpoch(nowMs, epoch);
    else if (epoch === 0 || epoch === room.point.epoch) {
      for (const ghost of room.findGhosts(nodeId, held, nowMs - graceMs))
        room.removeParticipant(ghost, LeaveReason.TIMED_OUT, nowMs);
    }
    const gone: GoneParticipant[] = [];
    const missing: string[] = [];
    for (const participantId of held) {
      const departure = room.findDeparture(nodeId, participantId);
      if (departure === "missing") missing.push(participantId);
      else if (departure) gone.push(departure);
    }
    const participantsOnNode = room.participantsOn(nodeId).length;
    return { ...this.#commit(room), exists: true, gone, missing, participantsOnNode };
  }

  async removeNode(roomId: string, nodeId: string, reason: LeaveReason): Promise<StoredChange> {
    const room = this.#find(roomId);
    if (!room) return unchanged(room);
    const nowMs = this.#clock.nowMs();
    for (const participantId of room.participantsOn(nodeId)) room.removeParticipant(participantId, reason, nowMs);
    return this.#commit(room);
  }

  async restoreRoom({ room: record, participants, tracks }: RestoreRoom): Promise<RestoredRoom> {
    const { roomId, epoch, maxParticipants } = record;
    const nowMs = this.#clock.nowMs();
    const room = this.#find(roomId) ?? new MemoryRoom(roomId, nowMs, nowMs, maxParticipants);
    this.#rooms.set(roomId, room);
    const gone: GoneParticipant[] = [];
    let restored = 0;
    for (const participant of participants) {
      const { participantId, identity } = participant;
      const left = room.departure(participantId);
      if (room.participant(participantId)) continue;
      if (left !== undefined) gone.push({ participantId, reason: left });
      else if (room.findIdentity(identity)) gone.push({ participantId, reason: LeaveReason.REPLACED });
      else {
        room.addParticipant(participant, nowMs);
        restored += 1;
      }
    }
    const { version } = room.point;
    for (const track of tracks) {
      const isOwned = room.participant(track.participantId) && room.isOn(track.participantId, track.nodeId);
      if (isOwned && room.ownerOf(track.trackId) === undefined)
        room.publishTrack(track, this.#options.maxTracksPerParticipant);
    }
    const isChanged = restored > 0 || room.point.version !== version;
    if (isChanged || epoch > room.point.epoch) room.raiseEpoch(nowMs, epoch);
    room.takeEvents();
    return { ...this.#commit(room), restored, gone };
  }

  async raiseEpoch(roomId: string): Promise<RoomPoint | undefined> {
    const room = this.#find(roomId);
    room?.raiseEpoch(this.#clock.nowMs());
    return room?.point;
  }

  close(): Promise<void> {
    this.#rooms.clear();
    return Promise.resolve();
  }

  #find(roomId: string): MemoryRoom | undefined {
    const room = this.#rooms.get(roomId);
    if (!room || room.expiresAtMs > this.#clock.nowMs()) return room;
    this.#rooms.delete(roomId);
    return undefined;
  }

  /** Ends a change: renews the room's life, from when on an empty room is kept for its grace only. */
  #commit(room: MemoryRoom): StoredChange {
    const nowMs = this.#clock.nowMs();
    const { emptyRoomGraceMs, roomTtlMs, departedMemoryMs } = this.#options;
    const events = room.takeEvents();
    room.forgetDepartures(nowMs - departedMemoryMs);
    if (!room.empty) room.expiresAtMs = nowMs + roomTtlMs;
    else if (events.length > 0) room.expiresAtMs = nowMs + emptyRoomGraceMs;
    return { ...room.point, events };
  }

  #collect(nowMs: number): void {
    if (nowMs < this.#collectAtMs) return;
    this.#collectAtMs = nowMs + COLLECT_INTERVAL_MS;
    for (const [roomId, room] of this.#rooms) if (room.expiresAtMs <= nowMs) this.#rooms.delete(roomId);
  }
}

function unchanged(room: MemoryRoom | undefined): StoredChange {
  return { ...(room?.point ?? NO_ROOM), events: [] };
}
