import type { LayerDemand } from "@cation/engine/demand/demand-watcher";
import type { ConnectionQuality, Event, Joined, MediaReport, ServerMessage } from "@cation/proto/client/v1/client";
import { PeerConnectionRole } from "@cation/proto/client/v1/client";
import type { Error as ProtoError } from "@cation/proto/common/v1/common";
import type { SessionDown } from "@cation/proto/sfu/v1/sfu";
import { LeaveReason } from "@cation/proto/state/v1/state";
import type { Participant, Room as RoomRecord, Track } from "@cation/proto/state/v1/state";
import { setRepeatingTimer } from "@cation/service-kit/clock";
import type { Clock, Timer } from "@cation/service-kit/clock";
import type { Logger } from "@cation/service-kit/logger";
import type { TransportState } from "@cation/webrtc/transport-state";
import { toStateMessage } from "./client-transport.ts";
import { EventLog } from "./event-log.ts";
import type { EventBody } from "./event-log.ts";
import type { PublisherConnection } from "./publisher-connection.ts";
import type { ReportedMedia } from "./quality/media-reporter.ts";
import type { SubscriberConnection } from "./subscriber-connection.ts";
import { SessionTrace } from "./session-trace.ts";
import type { Subscriptions } from "./subscriptions.ts";

/** How long a session waits for a client without a stream. */
export const GRACE_MS = 30_000;

/** How long a session stays whose participant goes on at another node, for the client to let go of its media. */
const DEPARTURE_MS = 10_000;
const DEPARTURE_CHECK_MS = 200;

/** The way to the client: a stream to whichever signal node serves it now. */
export interface SessionStream {
  send(message: SessionDown): void;
  /** Nothing comes after it. Idempotent. */
  end(): void;
}

/** What a session sees of its room. */
export interface SessionRoom {
  readonly record: RoomRecord;
  readonly nodeId: string;
  readonly participantCount: number;
  /** Those who publish. */
  readonly publishers: ReadonlyMap<string, Participant>;
  readonly tracks: ReadonlyMap<string, Track>;
  /** Who speaks, the dominant participant first. */
  readonly speakers: readonly string[];
  /** How well connections of those who publish work. */
  readonly qualities: ConnectionQuality[];
}

/** A session's two connections, which tell it what to tell the client. */
export interface SessionConnections {
  readonly publisher: PublisherConnection;
  readonly subscriber: SubscriberConnection;
}

export interface ParticipantSessionOptions {
  readonly participant: Participant;
  readonly room: SessionRoom;
  readonly subscriptions: Subscriptions;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly connect: (session: ParticipantSession) => SessionConnections;
  /** Called once, after everything was freed. */
  readonly onEnded: (session: ParticipantSession, reason: LeaveReason) => void;
}

/**
 * One participant on this node: its connections, what it wants, and the numbered events it was sent. Outlives its stream
 * by the grace time, so that a client can take it up again by any signal node.
 */
export class ParticipantSession {
  readonly participant: Participant;
  readonly subscriptions: Subscriptions;
  readonly publisher: PublisherConnection;
  readonly subscriber: SubscriberConnection;
  /** Of the join that made it, where that is traced. */
  readonly trace: SessionTrace | undefined;
  readonly #options: ParticipantSessionOptions;
  readonly #log = new EventLog();
  #stream: SessionStream | undefined;
  #grace: Timer | undefined;
  #toldCount: number;
  #ended = false;

  constructor(options: ParticipantSessionOptions) {
    this.#options = options;
    this.participant = options.participant;
    this.subscriptions = options.subscriptions;
    this.#toldCount = options.room.participantCount;
    this.trace = SessionTrace.begin(options.clock, {
      "cation.participant_id": this.participantId,
      "cation.node_id": options.room.nodeId,
    });
    const { publisher, subscriber } = options.connect(this);
    this.publisher = publisher;
    this.subscriber = subscriber;
    this.#awaitStream();
  }

  get participantId(): string {
    return this.participant.participantId;
  }

  /** Whether a client is there to be told something. */
  get hasStream(): boolean {
    return this.#stream !== undefined;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** The client's first stream. */
  open(stream: SessionStream): void {
    this.#attach(stream);
    stream.send({ down: { $case: "opened", value: this.#describe(false) } });
    this.#tellRoomMedia();
    this.subscriber.reconcile();
  }

  /** A new stream in place of a lost one: what was missed comes again, or else the state as it is now. */
  resume(stream: SessionStream, lastEventSequence: number): void {
    const missed = this.#log.after(lastEventSequence, this.#options.clock.monotonicMs());
    this.#attach(stream);
    stream.send({ down: { $case: "opened", value: this.#describe(missed !== undefined) } });
    for (const event of missed ?? []) this.#send(event);
    if (missed === undefined) this.#tellMediaState();
    const pending = this.subscriber.pendingOffer;
    // The answer to it may have been lost, or the offer itself with events that are no longer held.
    const repeated = missed?.some(({ event }) => event?.$case === "subscriberOffer" && event.value === pending);
    if (pending && repeated !== true) this.tell({ $case: "subscriberOffer", value: pending });
  }

  /** A stream is gone. Where it is the current one, the grace time begins. */
  detach(stream: SessionStream): void {
    if (this.#stream !== stream || this.#ended) return;
    this.#stream = undefined;
    this.#awaitStream();
  }

  /** Numbers an event, keeps it, and sends it if there is a stream. */
  tell(body: EventBody): void {
    if (this.#ended) return;
    this.#send(this.#log.append(body, this.#options.clock.monotonicMs()));
  }

  /** What the room tells everybody, without what this participant did itself. */
  tellOfRoom(bodies: readonly EventBody[]): void {
    for (const body of bodies) if (!this.#isOwn(body)) this.tell(body);
  }

  /** How many are in the room, when that is news. */
  tellCount(count: number): void {
    if (count === this.#toldCount) return;
    this.#toldCount = count;
    this.tell({ $case: "participantCount", value: { count } });
  }

  tellTransportState(role: PeerConnectionRole, state: TransportState): void {
    this.trace?.changed(role === PeerConnectionRole.PUBLISHER ? "publisher" : "subscriber", state);
    if (state !== "new") this.tell({ $case: "transportState", value: { role, state: toStateMessage(state) } });
  }

  /** What it sends and receives now. */
  get media(): ReportedMedia {
    return { consumers: this.subscriber.consumers, producers: this.publisher.producers };
  }

  tellReport(report: MediaReport): void {
    this.tell({ $case: "mediaReport", value: report });
  }

  tellQualities(participants: ConnectionQuality[]): void {
    if (participants.length > 0) this.tell({ $case: "connectionQualities", value: { participants } });
  }

  tellSpeakers(participantIds: readonly string[]): void {
    this.tell({ $case: "activeSpeakers", value: { participantIds: [...participantIds] } });
  }

  /** What others want of this participant's tracks, by track id. */
  tellDemands(demands: ReadonlyMap<string, LayerDemand>): void {
    if (demands.size === 0) return;
    const tracks = [...demands].map(([trackId, { maxSpatialId, maxTemporalId }]) => ({
      trackId,
      wanted: maxSpatialId >= 0,
      maxSpatialId: Math.max(0, maxSpatialId),
      maxTemporalId: Math.max(0, maxTemporalId),
    }));
    this.tell({ $case: "trackDemands", value: { tracks } });
  }

  /** Asks the client to go on at another node, because this one is leaving. */
  requestMove(): void {
    this.tell({ $case: "moveRequested", value: {} });
  }

  /**
   * The participant goes on at another node. Here the media goes on, without a word, until the client closes its peer
   * connections, or for 10 s.
   */
  depart(): void {
    if (this.#ended) return;
    this.#grace?.cancel();
    this.#stream?.end();
    this.#stream = undefined;
    const { clock } = this.#options;
    const deadlineMs = clock.monotonicMs() + DEPARTURE_MS;
    this.#grace = setRepeatingTimer(clock, DEPARTURE_CHECK_MS, () => {
      const isLetGo = !this.publisher.hasTransport && !this.subscriber.hasTransport;
      if (isLetGo || clock.monotonicMs() >= deadlineMs) this.end(LeaveReason.UNSPECIFIED);
    });
  }

  /** Says why, frees everything, and ends the stream. Idempotent. */
  end(reason: LeaveReason, error?: ProtoError): void {
    if (this.#ended) return;
    this.tell({ $case: "sessionEnded", value: { reason, error } });
    this.#ended = true;
    this.trace?.end();
    this.#grace?.cancel();
    this.subscriber.close();
    this.publisher.close();
    this.#stream?.end();
    this.#stream = undefined;
    this.#options.onEnded(this, reason);
  }

  /** Who speaks, and how well others' connections work. */
  #tellRoomMedia(): void {
    const { speakers, qualities } = this.#options.room;
    if (speakers.length > 0) this.tellSpeakers(speakers);
    this.tellQualities(qualities);
  }

  /** What events told of media that the state of the room does not say. */
  #tellMediaState(): void {
    this.tellDemands(this.publisher.demands);
    this.#tellRoomMedia();
    const { allocations } = this.subscriber;
    if (allocations.length > 0) this.tell({ $case: "trackAllocations", value: { tracks: allocations } });
  }

  #attach(stream: SessionStream): void {
    const before = this.#stream;
    this.#stream = stream;
    this.#grace?.cancel();
    this.#grace = undefined;
    // The client came back before its old stream was noticed to be dead.
    if (before !== stream) before?.end();
  }

  #awaitStream(): void {
    this.#grace?.cancel();
    this.#grace = this.#options.clock.setTimer(GRACE_MS, () => this.end(LeaveReason.TIMED_OUT));
  }

  #send(event: Event): void {
    const message: ServerMessage = { message: { $case: "event", value: event } };
    this.#stream?.send({ down: { $case: "message", value: message } });
  }

  #describe(eventsReplayed: boolean): Joined {
    const { room, participant } = this.#options;
    const others = [...room.publishers.values()].filter(({ participantId }) => participantId !== this.participantId);
    this.#toldCount = room.participantCount;
    return {
      sessionToken: "",
      participant,
      room: room.record,
      participants: [participant, ...others],
      tracks: [...room.tracks.values()],
      participantCount: room.participantCount,
      iceServers: [],
      eventsReplayed,
      eventSequence: this.#log.lastSequence,
      nodeId: room.nodeId,
      moved: false,
    };
  }

  /** Whether an event is about this participant's own doing. Muting is told nevertheless: others may do it. */
  #isOwn(body: EventBody): boolean {
    switch (body.$case) {
      case "participantJoined":
      case "participantLeft":
      case "trackPublished":
      case "trackUnpublished":
        return body.value.participantId === this.participantId;
      default:
        return false;
    }
  }
}
