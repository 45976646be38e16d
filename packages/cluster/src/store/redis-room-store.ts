import { LeaveReason, Participant, RelayPlan, RoomEvent, Track } from "@cation/proto/state/v1/state";
import type { RoomSnapshot } from "@cation/proto/state/v1/state";
import { CodedError, isErrorCode } from "@cation/service-kit/coded-error";
import { decodeNetstrings } from "./netstring.ts";
import type { RedisArgument, RedisConnection, RedisScript } from "./redis-connection.ts";
import { roomKeys } from "./redis-room-keys.ts";
import * as scripts from "./redis-room-scripts.ts";
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

export interface RedisRoomStoreOptions extends RoomStoreOptions {
  /** Put before every key, so that several clusters can share a Redis. */
  readonly keyPrefix: string;
}

/** What a script answered. */
interface Reply extends RoomPoint {
  readonly roomId: string;
  /** Participants after the change. */
  readonly count: number;
  readonly rest: readonly unknown[];
}

type Change = NonNullable<RoomEvent["change"]>;

/** Rooms in Redis: one script a change, nothing read back before writing, no lock. */
export class RedisRoomStore implements RoomStore {
  readonly #redis: RedisConnection;
  readonly #options: RedisRoomStoreOptions;

  /** @param redis stays the caller's: closing the store does not close it. */
  constructor(redis: RedisConnection, options: Partial<RedisRoomStoreOptions> = {}) {
    this.#redis = redis;
    this.#options = { keyPrefix: "cation:", ...DEFAULT_ROOM_STORE_OPTIONS, ...options };
  }

  async joinRoom({ roomId, participant, maxParticipants }: JoinRoom): Promise<JoinedRoom> {
    const { participantId, identity, nodeId } = participant;
    const message = Participant.encode(participant).finish();
    const args = [participantId, identity, nodeId, message, maxParticipants, LeaveReason.REPLACED];
    const reply = await this.#run(scripts.JOIN_SCRIPT, roomId, 0, args);
    const [joined, replacedRecord, ...room] = reply.rest;
    const replaced = decodeParticipant(replacedRecord);
    const changes: Change[] = [];
    if (replaced) changes.push(left(replaced.participantId, LeaveReason.REPLACED));
    if (joined === 1) changes.push({ $case: "participantJoined", value: participant });
    const change = toChange(reply, changes, (index) => reply.count - (changes.length - 1 - index));
    return { ...change, room: toSnapshot(reply, room), replaced };
  }

  async moveParticipant({ roomId, participantId, fromNodeId, toNodeId }: MoveParticipant): Promise<MovedParticipant> {
    const found = await this.readParticipant(roomId, participantId);
    if (!found) throw new CodedError("PARTICIPANT_NOT_FOUND");
    // But for its node a participant does not change, so that the record read is as good as the one stored.
    const message = Participant.encode({ ...found.participant, nodeId: toNodeId }).finish();
    const reply = await this.#run(scripts.MOVE_SCRIPT, roomId, 0, [participantId, fromNodeId, toNodeId, message]);
    const [moved, record, ...room] = reply.rest;
    const participant = decodeParticipant(record);
    if (!participant) throw new CodedError("INTERNAL");
    const change = toChange(reply, moved === 1 ? [{ $case: "participantMoved", value: participant }] : []);
    return { ...change, participant, room: toSnapshot(reply, room) };
  }

  async leaveRoom({ roomId, participantId, epoch, reason, nodeId = "" }: LeaveRoom): Promise<StoredChange> {
    const reply = await this.#run(scripts.LEAVE_SCRIPT, roomId, epoch, [participantId, reason, nodeId]);
    return toChange(reply, reply.rest[0] === 1 ? [left(participantId, reason)] : []);
  }

  async publishTrack({ roomId, epoch, track }: PublishTrack): Promise<StoredChange> {
    const message = Track.encode({ ...track, muted: false }).finish();
    const args = [
      track.trackId,
      track.participantId,
      message,
      track.muted ? "1" : "0",
      this.#options.maxTracksPerParticipant,
      track.nodeId,
    ];
    const reply = await this.#run(scripts.PUBLISH_SCRIPT, roomId, epoch, args);
    const publisher = decodeParticipant(reply.rest[1]);
    return toChange(
      reply,
      reply.rest[0] === 1 ? [{ $case: "trackPublished", value: track }] : [],
      undefined,
      publisher,
    );
  }

  async unpublishTrack({ roomId, epoch, trackId, nodeId = "" }: UnpublishTrack): Promise<StoredChange> {
    const reply = await this.#run(scripts.UNPUBLISH_SCRIPT, roomId, epoch, [trackId, nodeId]);
    const participantId = toText(reply.rest[1]);
    return toChange(
      reply,
      reply.rest[0] === 1 ? [{ $case: "trackUnpublished", value: { trackId, participantId } }] : [],
    );
  }

  async setTrackMuted({ roomId, epoch, trackId, muted }: SetTrackMuted): Promise<StoredChange> {
    const reply = await this.#run(scripts.MUTE_SCRIPT, roomId, epoch, [trackId, muted ? "1" : "0"]);
    const participantId = toText(reply.rest[1]);
    return toChange(
      reply,
      reply.rest[0] === 1 ? [{ $case: "trackMuted", value: { trackId, participantId, muted } }] : [],
    );
  }

  async setRelayPlan({ roomId, epoch, plan, change }: SetRelayPlan): Promise<StoredChange> {
    const args = [plan.version, RelayPlan.encode(plan).finish()];
    const reply = await this.#run(scripts.RELAY_PLAN_SCRIPT, roomId, epoch, args);
    return toChange(reply, reply.rest[0] === 1 ? [{ $case: "relayPlanChanged", value: change }] : []);
  }

  readPoints(roomIds: readonly string[]): Promise<(RoomPoint | undefined)[]> {
    return Promise.all(roomIds.map((roomId) => this.#readPoint(roomId)));
  }

  async readRoom(roomId: string): Promise<RoomSnapshot | undefined> {
    const reply = await this.#read(scripts.READ_ROOM_SCRIPT, roomId, []);
    return reply && toSnapshot(reply, reply.rest);
  }

  async readParticipant(roomId: string, participantId: string): Promise<FoundParticipant | undefined> {
    const reply = await this.#run(scripts.READ_PARTICIPANT_SCRIPT, roomId, 0, [participantId]);
    const participant = decodeParticipant(reply.rest[0]);
    return participant && { participant, epoch: reply.epoch };
  }

  async readDeparture(roomId: string, participantId: string): Promise<LeaveReason | undefined> {
    const reply = await this.#run(scripts.READ_DEPARTURE_SCRIPT, roomId, 0, [participantId]);
    const reason = Number(reply.rest[0]);
    return reason < 0 ? undefined : (reason as LeaveReason);
  }

  async readRoster(roomId: string, after: string, limit: number): Promise<RosterPage | undefined> {
    // One more than asked tells whether there is a next page.
    const reply = await this.#read(scripts.READ_ROSTER_SCRIPT, roomId, [after, limit + 1]);
    if (!reply) return undefined;
    const participants = decodeParticipants(reply.rest[0]);
    const more = participants.length > limit;
    if (more) participants.pop();
    return { participants, next: more ? (participants.at(-1)?.participantId ?? "") : "" };
  }

  async readOccupancy(roomId: string): Promise<RoomOccupancy | undefined> {
    const reply = await this.#read(scripts.READ_OCCUPANCY_SCRIPT, roomId, []);
    if (!reply) return undefined;
    const nodes = new Map<string, number>();
    for (const [nodeId, participants] of toPairs(reply.rest[1]))
      nodes.set(toText(nodeId), Number(toText(participants)));
    return { participants: reply.count, maxParticipants: Number(reply.rest[0]), nodes };
  }

  async reconcileNode(report: NodeRoomReport): Promise<ReconciledRoom> {
    const { roomId, nodeId, epoch, participantIds, graceMs } = report;
    const args = [nodeId, graceMs, LeaveReason.TIMED_OUT, ...participantIds];
    const reply = await this.#read(scripts.RECONCILE_SCRIPT, roomId, args, epoch);
    if (!reply) {
      const missing = [...new Set(participantIds)];
      return { epoch: 0, version: 0, events: [], exists: false, gone: [], missing, participantsOnNode: 0 };
    }
    const [removed, gone, missing, remaining] = reply.rest;
    return {
      ...toRemoval(reply, removed, LeaveReason.TIMED_OUT),
      exists: true,
      gone: toPairs(gone).map(([id, reason]) => ({ participantId: toText(id), reason: reason as LeaveReason })),
      missing: toTexts(missing),
      participantsOnNode: Number(remaining),
    };
  }

  async removeNode(roomId: string, nodeId: string, reason: LeaveReason): Promise<StoredChange> {
    const reply = await this.#run(scripts.REMOVE_NODE_SCRIPT, roomId, 0, [nodeId, reason]);
    return toRemoval(reply, reply.rest[0], reason);
  }

  async restoreRoom({ room, participants, tracks }: RestoreRoom): Promise<RestoredRoom> {
    const { roomId, epoch, maxParticipants } = room;
    const args: RedisArgument[] = [maxParticipants, LeaveReason.REPLACED, this.#options.maxTracksPerParticipant];
    args.push(participants.length);
    for (const participant of participants) {
      const { participantId, identity, nodeId } = participant;
      args.push(participantId, identity, nodeId, Participant.encode(participant).finish());
    }
    for (const track of tracks) {
      const { trackId, participantId, muted, nodeId } = track;
      args.push(trackId, participantId, Track.encode({ ...track, muted: false }).finish(), muted ? "1" : "0", nodeId);
    }
    const reply = await this.#run(scripts.RESTORE_SCRIPT, roomId, epoch, args);
    const gone = toPairs(reply.rest[1]).map(([id, reason]) => ({
      participantId: toText(id),
      reason: reason as LeaveReason,
    }));
    return { epoch: reply.epoch, version: reply.version, restored: Number(reply.rest[0]), gone };
  }

  async raiseEpoch(roomId: string): Promise<RoomPoint | undefined> {
    const reply = await this.#read(scripts.RAISE_EPOCH_SCRIPT, roomId, []);
    return reply && { epoch: reply.epoch, version: reply.version };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Without a script: one cheap command, which may see an epoch that the next change will raise. */
  async #readPoint(roomId: string): Promise<RoomPoint | undefined> {
    const [roomKey = ""] = roomKeys(this.#options.keyPrefix, roomId);
    const [epoch, version] = (await this.#redis.call("HMGET", roomKey, "epoch", "version")) as (Buffer | null)[];
    return epoch && version ? { epoch: Number(epoch.toString()), version: Number(version.toString()) } : undefined;
  }

  /** Runs a script that answers ROOM_NOT_FOUND without the room. */
  async #read(script: RedisScript, roomId: string, args: RedisArgument[], epoch = 0): Promise<Reply | undefined> {
    try {
      return await this.#run(script, roomId, epoch, args);
    } catch (error) {
      if (error instanceof CodedError && error.code === "ROOM_NOT_FOUND") return undefined;
      throw error;
    }
  }

  async #run(script: RedisScript, roomId: string, epoch: number, args: readonly RedisArgument[]): Promise<Reply> {
    const { keyPrefix, roomTtlMs, emptyRoomGraceMs, departedMemoryMs } = this.#options;
    const shared = [roomTtlMs, emptyRoomGraceMs, departedMemoryMs, epoch];
    const reply = (await this.#redis.run(script, roomKeys(keyPrefix, roomId), [...shared, ...args])) as unknown[];
    const [status, roomEpoch, version, count, ...rest] = reply;
    const code = toText(status);
    if (code !== "ok") throw new CodedError(isErrorCode(code) ? code : "INTERNAL");
    return { roomId, epoch: Number(roomEpoch), version: Number(version), count: Number(count), rest };
  }
}

function left(participantId: string, reason: LeaveReason): Change {
  return { $case: "participantLeft", value: { participantId, reason } };
}

/** Changes that a script made in this order as events; the last one has the reply's version. */
function toChange(
  reply: Reply,
  changes: readonly Change[],
  countAfter: (index: number) => number = () => reply.count,
  publisher?: Participant,
): StoredChange {
  const { roomId, epoch, version } = reply;
  const events = changes.map((change, index) =>
    RoomEvent.fromPartial({
      roomId,
      epoch,
      version: version - (changes.length - 1 - index),
      change,
      publisher,
      participantCount: countAfter(index),
    }),
  );
  return { epoch, version, events };
}

function toRemoval(reply: Reply, removed: unknown, reason: LeaveReason): StoredChange {
  const changes = toTexts(removed).map((participantId) => left(participantId, reason));
  return toChange(reply, changes, (index) => reply.count + (changes.length - 1 - index));
}

/** What a script's snapshot() gave. */
function toSnapshot(reply: Reply, [created, max, publishers, tracks, plan]: readonly unknown[]): RoomSnapshot {
  const { roomId, epoch, version, count } = reply;
  return {
    room: { roomId, epoch, version, createdAtMs: Number(toText(created)), maxParticipants: Number(max) },
    participants: decodeParticipants(publishers),
    tracks: toPairs(tracks).flatMap(([, record]) => decodeTrack(record)),
    participantCount: count,
    relayPlan: Buffer.isBuffer(plan) && plan.length > 0 ? RelayPlan.decode(plan) : undefined,
  };
}

function decodeParticipants(records: unknown): Participant[] {
  return (records as unknown[]).flatMap((record) => decodeParticipant(record) ?? []);
}

/** Fields: node id, identity, when it was stored. */
function decodeParticipant(record: unknown): Participant | undefined {
  if (!Buffer.isBuffer(record) || record.length === 0) return undefined;
  const decoded = decodeNetstrings(record, 3);
  return decoded && Participant.decode(decoded.message);
}

/** Fields: "1" when muted, participant id. */
function decodeTrack(record: unknown): Track[] {
  const decoded = Buffer.isBuffer(record) ? decodeNetstrings(record, 2) : undefined;
  return decoded ? [{ ...Track.decode(decoded.message), muted: decoded.fields[0] === "1" }] : [];
}

/** A reply of names and values by turns. */
function toPairs(flat: unknown): [unknown, unknown][] {
  const values = flat as unknown[];
  return Array.from({ length: values.length / 2 }, (_, i) => [values[2 * i], values[2 * i + 1]]);
}

function toTexts(values: unknown): string[] {
  return (values as unknown[]).map(toText);
}

function toText(value: unknown): string {
  return Buffer.isBuffer(value) ? value.toString("utf8") : String(value ?? "");
}
