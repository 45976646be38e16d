import type { EventBus } from "@cation/cluster/events/event-bus";
import { publishRoomEvent } from "@cation/cluster/events/room-events";
import type {
  ChangeResponse,
  IslbService,
  JoinRequest,
  JoinResponse,
  MoveParticipantRequest,
  ReportNodeRequest,
  ReportNodeResponse,
  RestoreRoomRequest,
  RestoreRoomResponse,
} from "@cation/proto/islb/v1/islb";
import { Participant } from "@cation/proto/state/v1/state";
import type { Node, RoomEvent, RoomSnapshot, Track } from "@cation/proto/state/v1/state";
import { CodedError } from "@cation/service-kit/coded-error";

interface StoredRoom {
  epoch: number;
  version: number;
  readonly participants: Map<string, Participant>;
  readonly tracks: Map<string, Track>;
}

/** An islb for tests of sfu: one process, no leases, placement as asked for. */
export class MemoryIslb implements IslbService {
  readonly rooms = new Map<string, StoredRoom>();
  readonly nodes = new Map<string, Node>();
  readonly reports: ReportNodeRequest[] = [];
  readonly restored: RestoreRoomRequest[] = [];
  /** While set, every call fails. */
  away = false;
  /** While set, changes are not published. */
  muteEvents = false;
  readonly #events: EventBus;
  #lastParticipant = 0;

  constructor(events: EventBus) {
    this.#events = events;
  }

  reportNode(request: ReportNodeRequest): Promise<ReportNodeResponse> {
    return this.#answer(() => {
      this.reports.push(request);
      if (request.node) this.nodes.set(request.node.nodeId, request.node);
      const stale = request.rooms.filter((room) => this.rooms.get(room.roomId)?.version !== room.version);
      return {
        leaseMs: 3_000,
        staleRoomIds: stale.map(({ roomId }) => roomId),
        nodes: [...this.nodes.values()],
        corrections: [],
      };
    });
  }

  removeNode({ nodeId }: { nodeId: string }): Promise<object> {
    return this.#answer(() => {
      this.nodes.delete(nodeId);
      return {};
    });
  }

  listNodes(): Promise<{ nodes: Node[] }> {
    return this.#answer(() => ({ nodes: [...this.nodes.values()] }));
  }

  join(request: JoinRequest): Promise<JoinResponse> {
    return this.#answer(() => {
      const room = this.#obtain(request.roomId);
      const { identity, name, grants, metadata, nodeId } = request;
      const participantId = `P${++this.#lastParticipant}`;
      const participant = Participant.fromPartial({ participantId, identity, name, nodeId, metadata });
      participant.grants = grants;
      room.participants.set(participantId, participant);
      this.#changed(request.roomId, room, { $case: "participantJoined", value: participant });
      return {
        participant,
        node: this.nodes.get(nodeId),
        room: this.snapshot(request.roomId),
        replacedParticipantId: "",
        replacedNode: undefined,
      };
    });
  }

  /** Puts the participant on the first other node. */
  moveParticipant({ roomId, participantId }: MoveParticipantRequest): Promise<JoinResponse> {
    return this.#answer(() => {
      const room = this.#obtain(roomId);
      const before = room.participants.get(participantId);
      const node = [...this.nodes.values()].find(({ nodeId }) => nodeId !== before?.nodeId);
      if (!before || !node) throw new CodedError("PARTICIPANT_NOT_FOUND");
      const participant = { ...before, nodeId: node.nodeId };
      room.participants.set(participantId, participant);
      this.#changed(roomId, room, { $case: "participantMoved", value: participant });
      const snapshot = this.snapshot(roomId);
      return { participant, node, room: snapshot, replacedParticipantId: "", replacedNode: undefined };
    });
  }

  restoreRoom(request: RestoreRoomRequest): Promise<RestoreRoomResponse> {
    return this.#answer(() => {
      this.restored.push(request);
      const room = this.#obtain(request.room?.roomId ?? "");
      room.epoch = Math.max(room.epoch, request.room?.epoch ?? 0) + 1;
      for (const participant of request.participants) room.participants.set(participant.participantId, participant);
      for (const track of request.tracks) room.tracks.set(track.trackId, track);
      return { epoch: room.epoch, version: room.version, gone: [] };
    });
  }

  leave(request: Parameters<IslbService["leave"]>[0]): Promise<ChangeResponse> {
    return this.#answer(() => {
      const { roomId, participantId, reason } = request;
      const room = this.#obtain(roomId);
      if (room.participants.delete(participantId)) {
        for (const track of room.tracks.values())
          if (track.participantId === participantId) room.tracks.delete(track.trackId);
        this.#changed(roomId, room, { $case: "participantLeft", value: { participantId, reason } });
      }
      return { epoch: room.epoch, version: room.version };
    });
  }

  publishTrack({ roomId, epoch, track }: Parameters<IslbService["publishTrack"]>[0]): Promise<ChangeResponse> {
    return this.#answer(() => {
      const room = this.#obtain(roomId);
      if (epoch < room.epoch) throw new CodedError("STALE_EPOCH");
      if (!track || !room.participants.has(track.participantId)) throw new CodedError("PARTICIPANT_NOT_FOUND");
      room.tracks.set(track.trackId, track);
      this.#changed(roomId, room, { $case: "trackPublished", value: track });
      return { epoch: room.epoch, version: room.version };
    });
  }

  unpublishTrack({ roomId, trackId }: Parameters<IslbService["unpublishTrack"]>[0]): Promise<ChangeResponse> {
    return this.#answer(() => {
      const room = this.#obtain(roomId);
      const track = room.tracks.get(trackId);
      if (track && room.tracks.delete(trackId)) {
        const { participantId } = track;
        this.#changed(roomId, room, { $case: "trackUnpublished", value: { trackId, participantId } });
      }
      return { epoch: room.epoch, version: room.version };
    });
  }

  setTrackMuted(request: Parameters<IslbService["setTrackMuted"]>[0]): Promise<ChangeResponse> {
    return this.#answer(() => {
      const { roomId, trackId, muted } = request;
      const room = this.#obtain(roomId);
      const track = room.tracks.get(trackId);
      if (!track) throw new CodedError("TRACK_NOT_FOUND");
      if (track.muted !== muted) {
        room.tracks.set(trackId, { ...track, muted });
        const { participantId } = track;
        this.#changed(roomId, room, { $case: "trackMuted", value: { trackId, participantId, muted } });
      }
      return { epoch: room.epoch, version: room.version };
    });
  }

  getRoom({ roomId }: { roomId: string }): Promise<RoomSnapshot> {
    return this.#answer(() => {
      if (!this.rooms.has(roomId)) throw new CodedError("ROOM_NOT_FOUND");
      return this.snapshot(roomId);
    });
  }

  findParticipant(): Promise<never> {
    return Promise.reject(new CodedError("PARTICIPANT_NOT_FOUND"));
  }

  getRoster({ roomId }: { roomId: string }): Promise<{ participants: Participant[]; next: string }> {
    return this.#answer(() => ({ participants: [...this.#obtain(roomId).participants.values()], next: "" }));
  }

  snapshot(roomId: string): RoomSnapshot {
    const { epoch, version, participants, tracks } = this.#obtain(roomId);
    const publishers = new Set([...tracks.values()].map(({ participantId }) => participantId));
    return {
      room: { roomId, epoch, version, createdAtMs: 0, maxParticipants: 0 },
      participants: [...participants.values()].filter(({ participantId }) => publishers.has(participantId)),
      tracks: [...tracks.values()],
      participantCount: participants.size,
      relayPlan: undefined,
    };
  }

  #obtain(roomId: string): StoredRoom {
    let room = this.rooms.get(roomId);
    if (!room) this.rooms.set(roomId, (room = { epoch: 1, version: 0, participants: new Map(), tracks: new Map() }));
    return room;
  }

  #changed(roomId: string, room: StoredRoom, change: NonNullable<RoomEvent["change"]>): void {
    room.version += 1;
    if (this.muteEvents) return;
    const publisher = change.$case === "trackPublished" ? room.participants.get(change.value.participantId) : undefined;
    const { epoch, version, participants } = room;
    publishRoomEvent(this.#events, { roomId, epoch, version, change, publisher, participantCount: participants.size });
  }

  async #answer<T>(perform: () => T): Promise<T> {
    await Promise.resolve();
    if (this.away) throw new CodedError("ISLB_UNAVAILABLE");
    return perform();
  }
}
