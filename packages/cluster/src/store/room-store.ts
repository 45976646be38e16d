import type { GoneParticipant } from "@cation/proto/islb/v1/islb";
import type {
  LeaveReason,
  Participant,
  RelayPlan,
  RelayPlanChange,
  Room,
  RoomEvent,
  RoomSnapshot,
  Track,
} from "@cation/proto/state/v1/state";

/**
 * Rooms, their participants and tracks. islb is the only writer, from several processes at once: every change is one
 * atomic step, raises the room's version by one for each event that it returns, and is fenced by the room's epoch.
 *
 * The caller publishes the returned events. Every method rejects with STORE_UNAVAILABLE when the store cannot be reached;
 * whether a change that failed so was made is not known, and healed by the nodes' reports.
 *
 * Fences: an epoch of 0 is not checked. One below the room's is refused with STALE_EPOCH. One above it means that the
 * store has forgotten something that nodes have seen (a failover): the room's epoch is raised above it, and the change
 * refused with STALE_EPOCH as well.
 */
export interface RoomStore {
  /** Enters a participant; creates the room; removes the one with the same identity. Errors: ROOM_FULL. */
  joinRoom(join: JoinRoom): Promise<JoinedRoom>;
  /**
   * Puts a participant on another node; its id and its tracks stay, and the old node may change nothing of it any more. No
   * change when it is not (any more) on the node that it is to leave. Errors: PARTICIPANT_NOT_FOUND.
   */
  moveParticipant(move: MoveParticipant): Promise<MovedParticipant>;
  /** Removes a participant and its tracks. No change when it is not there, or on another node. Errors: STALE_EPOCH. */
  leaveRoom(leave: LeaveRoom): Promise<StoredChange>;
  /**
   * Adds a track, or replaces the record of the same id. No change when it is there as it is. Errors: PARTICIPANT_NOT_FOUND,
   * PARTICIPANT_MOVED (it is on another node than the track), STALE_EPOCH, TRACK_LIMIT, PERMISSION_DENIED (the id belongs to
   * another participant).
   */
  publishTrack(publish: PublishTrack): Promise<StoredChange>;
  /** Removes a track. No change when it is not there, or its participant on another node. Errors: STALE_EPOCH. */
  unpublishTrack(unpublish: UnpublishTrack): Promise<StoredChange>;
  /** Mutes or unmutes. No change when it is so. Errors: TRACK_NOT_FOUND, STALE_EPOCH. */
  setTrackMuted(change: SetTrackMuted): Promise<StoredChange>;
  /**
   * Puts a relay plan in place of the one before it. No change when the stored one is not that (somebody else was quicker),
   * or there is no such room. Errors: STALE_EPOCH.
   */
  setRelayPlan(change: SetRelayPlan): Promise<StoredChange>;

  /** Where rooms stand, in the order asked; undefined for those that do not exist. Cheap, for many rooms at once. */
  readPoints(roomIds: readonly string[]): Promise<(RoomPoint | undefined)[]>;
  /** Publishers, tracks and the count of participants; undefined when there is no such room. */
  readRoom(roomId: string): Promise<RoomSnapshot | undefined>;
  readParticipant(roomId: string, participantId: string): Promise<FoundParticipant | undefined>;
  /** Why a participant left, as long as that is remembered. */
  readDeparture(roomId: string, participantId: string): Promise<LeaveReason | undefined>;
  /** Participants in the byte order of their ids, those after `after`. Undefined when there is no such room. */
  readRoster(roomId: string, after: string, limit: number): Promise<RosterPage | undefined>;
  /** How a room is spread over nodes, for placement; undefined when there is no such room. */
  readOccupancy(roomId: string): Promise<RoomOccupancy | undefined>;

  /**
   * Renews the room's life and compares what a node holds with what is stored: stored participants of the node that it does
   * not hold and that joined longer ago than the grace are removed (TIMED_OUT). A report of an older epoch removes nothing.
   */
  reconcileNode(report: NodeRoomReport): Promise<ReconciledRoom>;
  /** Removes every participant that is on a node. */
  removeNode(roomId: string, nodeId: string, reason: LeaveReason): Promise<StoredChange>;
  /**
   * Brings records back that the store has lost, and raises the epoch, so that everybody reads the room again (no events).
   * What is there stays; somebody whose identity is taken by now, or who left, is not brought back, and named in `gone`.
   */
  restoreRoom(room: RestoreRoom): Promise<RestoredRoom>;
  /** Raises the room's epoch, so that everybody reads it again and older calls are refused. Undefined without such a room. */
  raiseEpoch(roomId: string): Promise<RoomPoint | undefined>;
  /** Idempotent. */
  close(): Promise<void>;
}

/** How every room store behaves. */
export interface RoomStoreOptions {
  /** How long an empty room, with its limit and version, is kept. */
  readonly emptyRoomGraceMs: number;
  /** How long a room lives that no node reports. Longer than any outage that is to be survived. */
  readonly roomTtlMs: number;
  /** How long it is remembered that a participant left, to tell its node. */
  readonly departedMemoryMs: number;
  readonly maxTracksPerParticipant: number;
}

export const DEFAULT_ROOM_STORE_OPTIONS: RoomStoreOptions = {
  emptyRoomGraceMs: 30_000,
  roomTtlMs: 24 * 60 * 60 * 1000,
  departedMemoryMs: 120_000,
  maxTracksPerParticipant: 64,
};

/** Where a room stands. */
export interface RoomPoint {
  readonly epoch: number;
  readonly version: number;
}

/** Where the room stands after a change, and what to publish of it: one event for each version that it took. */
export interface StoredChange extends RoomPoint {
  readonly events: readonly RoomEvent[];
}

export interface JoinRoom {
  readonly roomId: string;
  readonly participant: Participant;
  /** Used when this join creates the room; 0 means no bound. */
  readonly maxParticipants: number;
}

export interface JoinedRoom extends StoredChange {
  /** The room after the join. */
  readonly room: RoomSnapshot;
  /** Who had the identity before, and is gone. */
  readonly replaced: Participant | undefined;
}

export interface MoveParticipant {
  readonly roomId: string;
  readonly participantId: string;
  readonly fromNodeId: string;
  readonly toNodeId: string;
}

export interface MovedParticipant extends StoredChange {
  /** As it is now. */
  readonly participant: Participant;
  readonly room: RoomSnapshot;
}

export interface RestoreRoom {
  readonly room: Room;
  readonly participants: readonly Participant[];
  readonly tracks: readonly Track[];
}

export interface RestoredRoom extends RoomPoint {
  /** Participants that were brought back. */
  readonly restored: number;
  readonly gone: readonly GoneParticipant[];
}

export interface LeaveRoom {
  readonly roomId: string;
  readonly participantId: string;
  readonly epoch: number;
  readonly reason: LeaveReason;
  /** Node that says so; empty is not checked. */
  readonly nodeId?: string;
}

export interface PublishTrack {
  readonly roomId: string;
  readonly epoch: number;
  readonly track: Track;
}

export interface UnpublishTrack {
  readonly roomId: string;
  readonly epoch: number;
  readonly trackId: string;
  /** Node that says so; empty is not checked. */
  readonly nodeId?: string;
}

export interface SetTrackMuted {
  readonly roomId: string;
  readonly epoch: number;
  readonly trackId: string;
  readonly muted: boolean;
}

export interface SetRelayPlan {
  readonly roomId: string;
  readonly epoch: number;
  /** Its version is one above the stored one's. */
  readonly plan: RelayPlan;
  /** What is different in it, for the event. */
  readonly change: RelayPlanChange;
}

export interface FoundParticipant {
  readonly participant: Participant;
  readonly epoch: number;
}

export interface RosterPage {
  readonly participants: readonly Participant[];
  /** Pass as `after` for the next page; empty at the end. */
  readonly next: string;
}

export interface RoomOccupancy {
  readonly participants: number;
  readonly maxParticipants: number;
  /** Participants by node. */
  readonly nodes: ReadonlyMap<string, number>;
}

/** What a node holds of a room. */
export interface NodeRoomReport {
  readonly roomId: string;
  readonly nodeId: string;
  readonly epoch: number;
  readonly participantIds: readonly string[];
  /** Participants that joined less long ago may not have reached the node yet. */
  readonly graceMs: number;
}

export interface ReconciledRoom extends StoredChange {
  /** False: there is no such room, and every reported participant is missing. */
  readonly exists: boolean;
  /** Reported, but left (or moved to another node, with reason unspecified). */
  readonly gone: readonly GoneParticipant[];
  /** Reported, unknown, and not known to have left: the store has lost them. */
  readonly missing: readonly string[];
  /** Participants on the node after it. */
  readonly participantsOnNode: number;
}
