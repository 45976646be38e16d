import { subscribeRoomEvents } from "@cation/cluster/events/room-events";
import type { EventBus, Subscription } from "@cation/cluster/events/event-bus";
import { RoomReplica } from "@cation/cluster/room-replica";
import { makeNode } from "@cation/cluster/testing/records";
import type { IslbService, JoinResponse, ReportNodeResponse } from "@cation/proto/islb/v1/islb";
import { LeaveReason } from "@cation/proto/state/v1/state";
import { setRepeatingTimer } from "@cation/service-kit/clock";
import type { Clock, Timer } from "@cation/service-kit/clock";
import { trackOf } from "./islb-fixture.ts";

/** A participant on a node, and what it publishes: muted or not, by track id. */
export interface SimulatedSession {
  readonly roomId: string;
  readonly participantId: string;
  readonly tracks: Map<string, boolean>;
}

interface SimulatedRoom {
  readonly replica: RoomReplica;
  readonly subscription: Subscription;
  readonly sessions: Map<string, SimulatedSession>;
  reading: boolean;
}

const REPORT_INTERVAL_MS = 1_000;
/** Events that overtook each other get so long to put themselves in order. */
const READ_DELAY_MS = 30;

/** The control side of an sfu, as far as islb sees it: reports, replicas, and sessions that end when they should. */
export class SimulatedNode {
  readonly nodeId: string;
  readonly rooms = new Map<string, SimulatedRoom>();
  readonly #islb: () => IslbService;
  readonly #events: EventBus;
  readonly #clock: Clock;
  #timer: Timer | undefined;
  #generation = 0;

  constructor(nodeId: string, islb: () => IslbService, events: EventBus, clock: Clock) {
    this.nodeId = nodeId;
    this.#islb = islb;
    this.#events = events;
    this.#clock = clock;
  }

  get alive(): boolean {
    return this.#timer !== undefined;
  }

  get sessions(): SimulatedSession[] {
    return [...this.rooms.values()].flatMap(({ sessions }) => [...sessions.values()]);
  }

  start(): void {
    this.#timer = setRepeatingTimer(this.#clock, REPORT_INTERVAL_MS, () => void this.#tick());
    void this.#tick();
  }

  /** Dies without a word. */
  crash(): void {
    this.#generation += 1;
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const { subscription } of this.rooms.values()) subscription.unsubscribe();
    this.rooms.clear();
  }

  /** Takes a participant that islb has placed here. */
  open({ participant, room }: JoinResponse): void {
    const roomId = room?.room?.roomId;
    if (!participant || !room || roomId === undefined || !this.alive) return;
    const { participantId } = participant;
    const held = this.rooms.get(roomId) ?? this.#openRoom(roomId);
    held.sessions.set(participantId, { roomId, participantId, tracks: new Map() });
    held.replica.applySnapshot(room);
  }

  /** A participant goes. Whether islb hears of it is a matter of luck. */
  leave(session: SimulatedSession): void {
    const epoch = this.rooms.get(session.roomId)?.replica.epoch ?? 0;
    this.#end(session.roomId, session.participantId);
    const { roomId, participantId } = session;
    void this.#islb()
      .leave({ roomId, participantId, epoch, reason: LeaveReason.LEFT, nodeId: this.nodeId })
      .catch(() => {});
  }

  #openRoom(roomId: string): SimulatedRoom {
    const replica = new RoomReplica(roomId, (change) => {
      if (change.$case === "participantLeft") this.#end(roomId, change.value.participantId);
    });
    const room: SimulatedRoom = {
      replica,
      subscription: subscribeRoomEvents(this.#events, roomId, (event) => {
        if (replica.applyEvent(event) === "gap") this.#readSoon(room);
      }),
      sessions: new Map(),
      reading: false,
    };
    this.rooms.set(roomId, room);
    return room;
  }

  #end(roomId: string, participantId: string): void {
    const room = this.rooms.get(roomId);
    if (!room?.sessions.delete(participantId) || room.sessions.size > 0) return;
    room.subscription.unsubscribe();
    this.rooms.delete(roomId);
  }

  #readSoon(room: SimulatedRoom, force = false): void {
    if (room.reading) return;
    room.reading = true;
    const generation = this.#generation;
    this.#clock.setTimer(READ_DELAY_MS, () => {
      room.reading = false;
      if (generation !== this.#generation || !(force || room.replica.behind)) return;
      this.#islb()
        .getRoom({ roomId: room.replica.roomId })
        .then((snapshot) => void room.replica.applySnapshot(snapshot))
        // The next report will tell that it is stale.
        .catch(() => {});
    });
  }

  async #tick(): Promise<void> {
    const generation = this.#generation;
    const rooms = [...this.rooms].map(([roomId, { replica, sessions }]) => ({
      roomId,
      epoch: replica.epoch,
      version: replica.version,
      participantIds: [...sessions.keys()],
    }));
    try {
      const answer = await this.#islb().reportNode({ node: makeNode(this.nodeId, { load: undefined }), rooms });
      if (generation === this.#generation) this.#heed(answer);
    } catch {
      // Tried again in a second.
    }
  }

  #heed({ staleRoomIds, corrections }: ReportNodeResponse): void {
    for (const roomId of staleRoomIds) {
      const room = this.rooms.get(roomId);
      if (room) this.#readSoon(room, true);
    }
    for (const { roomId, gone } of corrections) for (const { participantId } of gone) this.#end(roomId, participantId);
    for (const room of [...this.rooms.values()]) this.#announce(room);
  }

  /** Says again what the room does not show: a call may have been lost. */
  #announce({ replica, sessions }: SimulatedRoom): void {
    const { roomId, epoch } = replica;
    const islb = this.#islb();
    const calls: Promise<unknown>[] = [];
    for (const { participantId, tracks } of sessions.values()) {
      for (const [trackId, muted] of tracks) {
        const stored = replica.tracks.get(trackId);
        const track = { ...trackOf(participantId, trackId, this.nodeId), muted };
        if (!stored) calls.push(islb.publishTrack({ roomId, epoch, track }));
        else if (stored.muted !== muted) calls.push(islb.setTrackMuted({ roomId, epoch, trackId, muted }));
      }
      for (const { trackId, participantId: owner } of replica.tracks.values()) {
        if (owner === participantId && !tracks.has(trackId))
          calls.push(islb.unpublishTrack({ roomId, epoch, trackId, nodeId: this.nodeId }));
      }
    }
    for (const call of calls) call.catch(() => {});
  }
}
