import { subscribeRoomEvents } from "@cation/cluster/events/room-events";
import type { EventBus, Subscription } from "@cation/cluster/events/event-bus";
import { parentsOf } from "@cation/cluster/relay-plan";
import { RoomReplica } from "@cation/cluster/room-replica";
import type { RoomChange } from "@cation/cluster/room-replica";
import type { Random } from "@cation/engine/random";
import { PeerConnectionRole } from "@cation/proto/client/v1/client";
import type { MediaReport } from "@cation/proto/client/v1/client";
import type { IslbService, RoomPosition } from "@cation/proto/islb/v1/islb";
import type { OpenSession } from "@cation/proto/sfu/v1/sfu";
import { LeaveReason } from "@cation/proto/state/v1/state";
import type { Participant, ParticipantLeft, RoomEvent, Track, TrackMuted } from "@cation/proto/state/v1/state";
import type { Clock, Timer } from "@cation/service-kit/clock";
import { CodedError, toCodedError } from "@cation/service-kit/coded-error";
import type { Logger } from "@cation/service-kit/logger";
import { currentSpan } from "@cation/service-kit/span";
import { bringBackRoom } from "./bring-back-room.ts";
import type { ClientTransportOpener } from "./client-transport.ts";
import type { LocalTracks } from "./local-tracks.ts";
import type { MediaMilestone } from "./media-milestones.ts";
import type { PacedWork } from "./paced-work.ts";
import { MovingSessions } from "./moving-sessions.ts";
import { ParticipantSession } from "./participant-session.ts";
import type { SessionConnections } from "./participant-session.ts";
import { PublisherConnection } from "./publisher-connection.ts";
import type { PublisherMedia } from "./publisher-connection.ts";
import type { RelayHub } from "./relay/relay-hub.ts";
import type { HubLease, RelayHubs } from "./relay/relay-hubs.ts";
import type { RelayMedia } from "./relay/relay-media.ts";
import { RoomAnnouncer } from "./room-announcer.ts";
import { RoomMedia } from "./room-media.ts";
import { RoomReader } from "./room-reader.ts";
import { SessionRequests } from "./session-requests.ts";
import { SubscriberConnection } from "./subscriber-connection.ts";
import type { SubscriberMedia } from "./subscribed-track.ts";
import type { RoomAudio } from "./speakers/room-audio.ts";
import { Subscriptions } from "./subscriptions.ts";
import { createTrackId } from "./system-random.ts";
import { TrackSources } from "./track-sources.ts";

/** The count changes with every join: clients hear of it this often at most. */
const COUNT_INTERVAL_MS = 500;

/** What all rooms of a worker share. */
export interface RoomDeps {
  readonly nodeId: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly work: PacedWork;
  readonly logger: Logger;
  readonly islb: IslbService;
  readonly events: EventBus;
  readonly media: ClientTransportOpener & PublisherMedia & SubscriberMedia & RelayMedia;
  readonly tracks: LocalTracks;
  readonly hubs: RelayHubs;
  /** Voices that a listener hears at once, and that go over a link. */
  readonly maxAudioStreams: number;
  /** Several times a second: which of this node's voices may go to other nodes. */
  readonly onVoices: (roomId: string, loudest: ReadonlySet<string>) => void;
  /** A participant was told how its media flows; for scrapes. */
  readonly onReport: (report: MediaReport) => void;
}

/** A session and what carries out its requests. */
export interface OpenedSession {
  readonly session: ParticipantSession;
  readonly requests: SessionRequests;
}

/**
 * A room as far as it is on this node: its sessions, and a replica of its state that events keep fresh and that is read
 * again whenever something is missing.
 */
export class Room {
  readonly roomId: string;
  readonly #deps: RoomDeps;
  readonly #onEmpty: () => void;
  readonly #replica: RoomReplica;
  readonly #announcer = new RoomAnnouncer();
  readonly #hubLease: HubLease;
  readonly #sources: TrackSources;
  readonly #media: RoomMedia;
  readonly #subscription: Subscription;
  readonly #sessions = new Map<string, OpenedSession>();
  readonly #moving: MovingSessions;
  /** Whose each track is: when somebody leaves, the replica has forgotten that already. */
  readonly #owners = new Map<string, string>();
  #countTimer: Timer | undefined;
  readonly #reader: RoomReader;
  #closed = false;

  constructor(roomId: string, deps: RoomDeps, onEmpty: () => void) {
    this.roomId = roomId;
    this.#deps = deps;
    this.#onEmpty = onEmpty;
    this.#moving = new MovingSessions({ ...deps, tracks: () => this.#replica.tracks });
    this.#replica = new RoomReplica(roomId, (change) => this.#changed(change));
    this.#reader = new RoomReader({ ...deps, replica: this.#replica });
    this.#hubLease = deps.hubs.acquire(roomId);
    this.#sources = new TrackSources(deps.nodeId, deps.tracks, this.hub);
    this.#media = new RoomMedia({
      roomId,
      nodeId: deps.nodeId,
      clock: deps.clock,
      nowUs: () => deps.media.nowUs(),
      work: deps.work,
      events: deps.events,
      maxAudioStreams: deps.maxAudioStreams,
      acquire: (track, listener) => this.#sources.acquire(track, listener),
      sessions: () => [...this.#sessions.values()].map(({ session }) => session),
      tracks: () => this.#replica.tracks,
      isPublisher: (participantId) => this.#replica.publishers.has(participantId),
      onVoices: deps.onVoices,
      onReport: deps.onReport,
    });
    this.#subscription = subscribeRoomEvents(deps.events, roomId, (event) => this.receive(event));
  }

  get epoch(): number {
    return this.#replica.epoch;
  }

  get version(): number {
    return this.#replica.version;
  }

  get sessions(): ReadonlyMap<string, OpenedSession> {
    return this.#sessions;
  }

  /** Who speaks. */
  get audio(): RoomAudio {
    return this.#media.audio;
  }

  /** Sessions whose participants are elsewhere by now. */
  get departingCount(): number {
    return this.#moving.departing;
  }

  get hub(): RelayHub {
    return this.#hubLease.hub;
  }

  /** What the node's report says of the room. */
  get position(): RoomPosition {
    const participantIds = [...this.#sessions.keys()];
    return { roomId: this.roomId, epoch: this.epoch, version: this.version, participantIds };
  }

  /** Makes the session of a participant that islb placed here. Errors: MESSAGE_MALFORMED, SFU_UNAVAILABLE, STALE_EPOCH. */
  open(request: OpenSession): OpenedSession {
    const { participant, room: snapshot } = request;
    if (!participant || !snapshot?.room)
      throw new CodedError("MESSAGE_MALFORMED", "No participant or no room was named.");
    // At this address was another node when islb placed the participant.
    if (participant.nodeId !== this.#deps.nodeId) throw new CodedError("SFU_UNAVAILABLE", "The node is gone.");
    if (snapshot.room.epoch < this.epoch) throw new CodedError("STALE_EPOCH");
    this.#replica.applySnapshot(snapshot);
    const before = this.#sessions.get(participant.participantId);
    const opened = this.#createSession(participant, request.autoSubscribe);
    this.#sessions.set(participant.participantId, opened);
    // Opened twice: the newest caller has it.
    before?.session.end(LeaveReason.REPLACED);
    if (request.moved) this.#moving.arrive(opened.session);
    return opened;
  }

  /** An event of the room, perhaps late, twice, or after one that was lost. */
  receive(event: RoomEvent): void {
    const span = currentSpan()?.child("room event", { attributes: { "cation.change": event.change?.$case ?? "none" } });
    if (!this.#closed && this.#replica.applyEvent(event) === "gap") this.#reader.noteGap();
    span?.end();
  }

  /** What is known may be old: reads the room from islb. */
  requestRead(): void {
    this.#reader.request();
  }

  /** islb no longer has the participant here: its session ends, or departs where it lives elsewhere. islb need not be told. */
  endGone(participantId: string, reason: LeaveReason): void {
    const session = this.#sessions.get(participantId)?.session;
    if (!session) return;
    this.#sessions.delete(participantId);
    if (reason === LeaveReason.UNSPECIFIED) this.#moving.depart(session);
    else session.end(reason);
  }

  /** The store has lost records of the room: brings back what is known here. */
  async restore(): Promise<void> {
    if (this.#closed) return;
    const { islb, logger, nodeId } = this.#deps;
    const own = [...this.#sessions.values()].map(({ session }) => session.participant);
    const gone = await bringBackRoom({ islb, logger, nodeId }, this.#replica, own);
    for (const { participantId, reason } of gone) this.endGone(participantId, reason);
    this.requestRead();
  }

  /** Ends every session; the room closes with the last. */
  close(reason: LeaveReason): void {
    for (const { session } of [...this.#sessions.values()]) session.end(reason);
    this.#moving.end(reason);
    this.#dispose();
  }

  #createSession(participant: Participant, autoSubscribe: boolean): OpenedSession {
    const { clock, logger, islb } = this.#deps;
    const subscriptions = new Subscriptions({
      participantId: participant.participantId,
      autoSubscribe,
      allowed: participant.grants?.subscribe ?? false,
    });
    const session = new ParticipantSession({
      participant,
      room: this.#viewForSessions(),
      subscriptions,
      clock,
      logger,
      connect: (created) => this.#connect(created),
      onEnded: (ended, reason) => this.#sessionEnded(ended, reason),
    });
    const requests = new SessionRequests({
      session,
      roomId: this.roomId,
      islb,
      logger,
      readEpoch: () => this.epoch,
      tracks: () => this.#replica.tracks,
    });
    return { session, requests };
  }

  #viewForSessions() {
    const replica = this.#replica;
    const { audio, quality } = this.#media;
    return {
      nodeId: this.#deps.nodeId,
      get record() {
        return replica.room;
      },
      get participantCount() {
        return replica.participantCount;
      },
      get publishers() {
        return replica.publishers;
      },
      get tracks() {
        return replica.tracks;
      },
      get speakers() {
        return audio.speakers;
      },
      get qualities() {
        return quality.current;
      },
    };
  }

  #connect(session: ParticipantSession): SessionConnections {
    const { nodeId, clock, random, work, logger, islb, media, tracks } = this.#deps;
    const { trace } = session;
    const onMilestone = trace && ((milestone: MediaMilestone) => trace.reached(milestone));
    const publisher = new PublisherConnection({
      participant: session.participant,
      roomId: this.roomId,
      nodeId,
      media,
      tracks,
      islb,
      logger,
      readEpoch: () => this.epoch,
      createTrackId,
      onStale: () => this.#reader.refresh(),
      mayContinue: (trackId) => this.#replica.tracks.get(trackId)?.participantId === session.participantId,
      onState: (state) => session.tellTransportState(PeerConnectionRole.PUBLISHER, state),
      onDemand: (trackId, demand) => session.tellDemands(new Map([[trackId, demand]])),
      onOpen: () => trace?.opened("publisher"),
      onMilestone,
    });
    const subscriber = new SubscriberConnection({
      participantId: session.participantId,
      subscriptions: session.subscriptions,
      media,
      clock,
      random,
      work,
      tracks: () => this.#replica.tracks,
      acquire: (track, listener) => this.#sources.acquire(track, listener),
      onOffer: (offer) => session.tell({ $case: "subscriberOffer", value: offer }),
      onState: (state) => session.tellTransportState(PeerConnectionRole.SUBSCRIBER, state),
      audio: this.#media.audio,
      maxAudioStreams: this.#deps.maxAudioStreams,
      onBindings: (bindings) => session.tell({ $case: "trackBindings", value: { tracks: bindings } }),
      onAllocations: (changed) => session.tell({ $case: "trackAllocations", value: { tracks: changed } }),
      onOpen: () => trace?.opened("subscriber"),
      onMilestone,
    });
    return { publisher, subscriber };
  }

  /** The replica has just changed: clients are told first, then what they receive follows. */
  #changed(change: RoomChange): void {
    this.hub.noteEpoch(this.#replica.epoch);
    if (change.$case === "reset" || change.$case === "relayPlanChanged") {
      this.hub.setPlan(parentsOf(this.#replica.relayPlan));
    }
    const bodies = this.#announcer.announce(change, this.#replica);
    // Most changes of a large room are nothing to clients: then no session is looked at.
    if (bodies.length > 0) for (const { session } of this.#sessions.values()) session.tellOfRoom(bodies);
    this.#follow(change);
    this.#scheduleCount();
  }

  #follow(change: RoomChange): void {
    switch (change.$case) {
      case "reset":
        return this.#reset();
      case "trackPublished":
        return this.#trackCame(change.value);
      case "trackUnpublished":
        return this.#trackWent(change.value.trackId);
      case "trackMuted":
        return this.#trackMuted(change.value);
      case "participantLeft":
        return this.#participantLeft(change.value);
      case "participantMoved":
        return this.#participantMoved(change.value);
      case "roomEnded":
        for (const participantId of [...this.#sessions.keys()]) this.endGone(participantId, LeaveReason.REMOVED);
        return;
      default:
    }
  }

  #reset(): void {
    const { tracks } = this.#replica;
    this.#media.audio.retain((trackId) => tracks.has(trackId));
    for (const track of tracks.values()) this.#media.audio.add(track);
    for (const { session } of this.#sessions.values()) {
      session.publisher.reconcile(this.#replica);
      session.subscriptions.retain((trackId) => tracks.has(trackId));
      session.subscriber.reconcile();
    }
    for (const trackId of this.#owners.keys()) if (!tracks.has(trackId)) this.hub.forget(trackId);
    this.#owners.clear();
    for (const track of tracks.values()) {
      this.#owners.set(track.trackId, track.participantId);
      this.#moveOrigin(track);
      const isGhost = track.nodeId === this.#deps.nodeId && !this.#deps.tracks.get(track.trackId);
      if (isGhost) this.#sessions.get(track.participantId)?.session.publisher.forgetGhost(track.trackId);
    }
  }

  /** A track that comes in here from now on is had from nobody; what flows over a relay goes on until viewers are over. */
  #moveOrigin({ trackId, nodeId }: Track): void {
    if (nodeId !== this.#deps.nodeId) this.hub.moveOrigin(trackId, nodeId);
  }

  #trackCame(track: Track): void {
    const { trackId, participantId } = track;
    this.#owners.set(trackId, participantId);
    this.#moveOrigin(track);
    this.#media.audio.add(track);
    for (const { session } of this.#sessions.values()) session.subscriber.reconcileTrack(trackId);
  }

  #trackWent(trackId: string): void {
    this.#owners.delete(trackId);
    this.#media.audio.remove(trackId);
    for (const { session } of this.#sessions.values()) {
      session.subscriptions.forget(trackId);
      session.subscriber.reconcileTrack(trackId);
    }
    this.hub.forget(trackId);
  }

  #trackMuted({ trackId, participantId, muted }: TrackMuted): void {
    this.#sessions.get(participantId)?.session.publisher.applyMuted(trackId, muted);
    this.#media.audio.setMuted(trackId, muted);
  }

  #participantLeft({ participantId, reason }: ParticipantLeft): void {
    this.#media.quality.forget(participantId);
    this.endGone(participantId, reason);
    for (const [trackId, owner] of [...this.#owners]) if (owner === participantId) this.#trackWent(trackId);
  }

  #participantMoved({ participantId, nodeId }: Participant): void {
    if (nodeId !== this.#deps.nodeId) this.endGone(participantId, LeaveReason.UNSPECIFIED);
  }

  #scheduleCount(): void {
    if (this.#closed) return;
    this.#countTimer ??= this.#deps.clock.setTimer(COUNT_INTERVAL_MS, () => {
      this.#countTimer = undefined;
      for (const { session } of this.#sessions.values()) session.tellCount(this.#replica.participantCount);
    });
  }

  #sessionEnded(session: ParticipantSession, reason: LeaveReason): void {
    if (this.#sessions.get(session.participantId)?.session === session) {
      this.#sessions.delete(session.participantId);
      this.#tellLeft(session.participantId, reason);
    }
    this.#moving.ended(session);
    if (this.#sessions.size === 0 && this.#moving.departing === 0) this.#dispose();
  }

  /** When it fails, the next report no longer lists the participant, and islb removes the ghost. */
  #tellLeft(participantId: string, reason: LeaveReason): void {
    // Replaced by islb itself; or the node stops, and islb gives its participants time to go on elsewhere.
    if (reason === LeaveReason.REPLACED || reason === LeaveReason.NODE_LOST) return;
    const { islb, logger, nodeId } = this.#deps;
    islb
      .leave({ roomId: this.roomId, participantId, epoch: this.epoch, reason, nodeId })
      .catch((error: unknown) =>
        logger.warn({ err: toCodedError(error), roomId: this.roomId }, "leave not told to islb"),
      );
  }

  #dispose(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#countTimer?.cancel();
    this.#reader.close();
    this.#moving.close();
    this.#subscription.unsubscribe();
    this.#media.close();
    this.#hubLease.release();
    this.#onEmpty();
  }
}
