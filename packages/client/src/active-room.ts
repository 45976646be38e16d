import type { ConnectionQuality, Event, IceServer, Joined } from "@cation/proto/client/v1/client";
import type { Participant, Track } from "@cation/proto/state/v1/state";
import { AdaptiveStream } from "./adaptive-stream.ts";
import type { ClientEnvironment } from "./environment.ts";
import { type CationError, asCationError, clientError } from "./errors.ts";
import { LocalTracks } from "./local-tracks.ts";
import { MediaHandover, type ReceivedMedia } from "./media-handover.ts";
import { type MediaReport, reportFromWire, shareFromWire } from "./media-report.ts";
import { LocalParticipant } from "./participants.ts";
import type { RoomEvents } from "./room-events.ts";
import { Roster } from "./roster.ts";
import type { ClientRequest, ClientResult } from "./signal-connection.ts";
import type { SessionTiming } from "./session-timing.ts";
import { type JoinMode, type SessionOptions, SignalSession } from "./signal-session.ts";
import { Subscriber } from "./subscriber.ts";
import { Subscriptions } from "./subscriptions.ts";
import type { SubscriptionWish } from "./tracks.ts";

/** Between two new joins that are to heal media: more often would only add load to a failing network. */
const MIN_HEAL_INTERVAL_MS = 30_000;

export type Emit = <Name extends keyof RoomEvents>(name: Name, ...args: RoomEvents[Name]) => void;

/** One stay in a room, from `connect` to its end: the session, both peer connections, and what is known of the others. */
export class ActiveRoom {
  readonly session: SignalSession;
  readonly roster: Roster;
  readonly localTracks: LocalTracks;
  readonly #environment: ClientEnvironment;
  readonly #emit: Emit;
  readonly #subscriptions: Subscriptions;
  readonly #stopNetworkWatch: () => void;
  #subscriber: Subscriber | undefined;
  /** While the session goes over to another node. */
  #handover: MediaHandover | undefined;
  /** What is shown, by track id. */
  #media: ReceivedMedia = new Map();
  #localParticipant: LocalParticipant | undefined;
  #name = "";
  #speakers: readonly string[] = [];
  #mediaReport: MediaReport | undefined;
  readonly #qualities = new Map<string, number>();
  readonly #adaptive: AdaptiveStream;
  #participantCount = 0;
  #lastHealAtMs = Number.NEGATIVE_INFINITY;

  constructor(environment: ClientEnvironment, timing: SessionTiming, options: SessionOptions, emit: Emit) {
    this.#environment = environment;
    this.#emit = emit;
    this.#subscriptions = new Subscriptions(options.autoSubscribe);
    this.session = new SignalSession(
      environment,
      options,
      {
        onJoined: (joined, mode) => this.#joined(joined, mode),
        onEvent: (event) => this.#receive(event.event),
        onStateChanged: (state, cause) => emit("stateChanged", state, cause),
        onError: (error) => emit("error", error),
        onEnded: (cause) => this.#ended(cause),
      },
      timing,
    );
    this.#adaptive = new AdaptiveStream({
      watcher: environment.elements,
      setTimer: (callback, delayMs) => environment.setTimer(callback, delayMs),
      wish: (trackId, wish) =>
        this.#inform({ $case: "setSubscription", value: this.#subscriptions.set(trackId, wish) }),
    });
    this.localTracks = this.#createLocalTracks();
    this.roster = this.#createRoster();
    this.#stopNetworkWatch = environment.onNetworkChange(() => this.#networkChanged());
  }

  get name(): string {
    return this.#name;
  }

  get participantCount(): number {
    return this.#participantCount;
  }

  get localParticipant(): LocalParticipant | undefined {
    return this.#localParticipant;
  }

  /** Who speaks, the dominant one first. */
  get speakers(): readonly string[] {
    return this.#speakers;
  }

  /** Scores of connections, 1 … 5, by participant id. */
  get connectionQualities(): ReadonlyMap<string, number> {
    return this.#qualities;
  }

  get mediaReport(): MediaReport | undefined {
    return this.#mediaReport;
  }

  /** Asks of a picture for what this element shows, until the returned function is called. */
  observeVideo(trackId: string, element: Element): () => void {
    return this.#adaptive.observe(trackId, element);
  }

  request(request: ClientRequest): Promise<ClientResult> {
    return this.session.request(request);
  }

  async setSubscription(trackId: string, wish: SubscriptionWish): Promise<void> {
    await this.request({ $case: "setSubscription", value: this.#subscriptions.set(trackId, wish) });
  }

  getStats(): Promise<RTCStatsReport> | undefined {
    return this.#subscriber?.getStats();
  }

  /** Closes what `session` does not. Idempotent. */
  close(): void {
    this.#stopNetworkWatch();
    this.#adaptive.close();
    this.localTracks.close();
    this.#handover?.close();
    this.#handover = undefined;
    this.#subscriber?.close();
    this.#subscriber = undefined;
    this.roster.clear();
  }

  #joined(joined: Joined, mode: JoinMode): void {
    this.#setParticipantCount(joined.participantCount);
    this.#name = joined.room?.roomId ?? this.#name;
    if (mode === "resumed") {
      if (!joined.eventsReplayed) this.#catchUp(joined);
      return;
    }
    if (joined.participant !== undefined) {
      this.#localParticipant = new LocalParticipant(joined.participant, this.localTracks.tracks);
      this.#emit("localParticipantChanged", this.#localParticipant);
    }
    const configuration = peerConfiguration(joined.iceServers);
    if (mode === "moved") this.#move(joined, configuration);
    else this.#restart(joined, configuration);
    for (const wish of this.#subscriptions.all()) this.#inform({ $case: "setSubscription", value: wish });
  }

  /** A new session: everything is opened anew. */
  #restart(joined: Joined, configuration: RTCConfiguration): void {
    this.#handover?.close();
    this.#handover = undefined;
    this.#subscriber?.close();
    this.#subscriber = this.#createSubscriber(configuration);
    this.#setMedia(new Map());
    this.#resetRoster(joined.participants, joined.tracks);
    this.localTracks.start(configuration);
  }

  /** The same participant at another node: new connections are opened beside the old ones, which play until those do. */
  #move(joined: Joined, configuration: RTCConfiguration): void {
    this.#handover?.close();
    const old = this.#subscriber;
    const fresh = this.#createSubscriber(configuration);
    this.#subscriber = fresh;
    this.#handover = old && this.#createHandover(old, fresh);
    this.#resetRoster(joined.participants, joined.tracks);
    this.localTracks.move(configuration);
  }

  #createHandover(old: Subscriber, fresh: Subscriber): MediaHandover {
    return new MediaHandover({
      environment: this.#environment,
      old,
      oldMedia: this.#media,
      fresh,
      show: (media) => this.#setMedia(media),
      onDone: () => (this.#handover = undefined),
    });
  }

  #received(media: ReceivedMedia): void {
    if (this.#handover === undefined) this.#setMedia(media);
    else this.#handover.setMedia(media);
  }

  #setMedia(media: ReceivedMedia): void {
    this.#media = media;
    this.roster.setMedia(media);
  }

  /** The events that were missed are gone, among them perhaps an offer: the server is asked for a new one. */
  #catchUp(joined: Joined): void {
    this.#resetRoster(joined.participants, joined.tracks);
    this.#inform({ $case: "restartSubscriber", value: {} });
  }

  #receive(event: Event["event"]): void {
    switch (event?.$case) {
      case "subscriberOffer":
        return this.#subscriber?.offer(event.value);
      case "participantJoined":
        return this.#isSelf(event.value.participantId) ? undefined : this.roster.join(event.value);
      case "participantLeft":
        return this.roster.leave(event.value);
      case "trackPublished":
        return this.#isSelf(event.value.participantId) ? undefined : this.roster.publish(event.value);
      case "trackUnpublished":
        this.#subscriptions.forget(event.value.trackId);
        this.#adaptive.forget(event.value.trackId);
        return this.roster.unpublish(event.value);
      case "trackMuted":
        if (this.#isSelf(event.value.participantId)) return this.localTracks.applyMuted(event.value);
        return this.roster.setMuted(event.value);
      case "participantCount":
        return this.#setParticipantCount(event.value.count);
      case "trackAllocations":
        for (const track of event.value.tracks) this.roster.setShare(track.trackId, shareFromWire(track));
        return;
      case "trackDemands":
        return this.localTracks.applyDemands(event.value.tracks);
      case "trackBindings":
        return this.#subscriber?.rebind(event.value.tracks);
      case "activeSpeakers":
        this.#speakers = event.value.participantIds;
        return this.#emit("speakersChanged", this.#speakers);
      case "connectionQualities":
        return this.#takeQualities(event.value.participants);
      case "mediaReport":
        this.#mediaReport = reportFromWire(event.value);
        return this.#emit("mediaReported", this.#mediaReport);
      case "roomReset":
        this.#setParticipantCount(event.value.participantCount);
        return this.#resetRoster(event.value.participants, event.value.tracks);
    }
  }

  #resetRoster(participants: readonly Participant[], tracks: readonly Track[]): void {
    this.roster.reset(
      participants.filter((participant) => !this.#isSelf(participant.participantId)),
      tracks.filter((track) => !this.#isSelf(track.participantId)),
    );
  }

  #takeQualities(participants: readonly ConnectionQuality[]): void {
    for (const { participantId, score } of participants) {
      this.#qualities.set(participantId, score);
      this.#emit("connectionQualityChanged", participantId, score);
    }
  }

  #isSelf(participantId: string): boolean {
    return participantId === this.#localParticipant?.id;
  }

  #setParticipantCount(count: number): void {
    if (count === this.#participantCount) return;
    this.#participantCount = count;
    this.#emit("participantCountChanged", count);
  }

  #networkChanged(): void {
    this.session.checkNetwork();
    this.localTracks.onNetworkChange();
    this.#subscriber?.onNetworkChange();
  }

  /** Media is lost and ICE restarts did not help: a new join makes everything anew, if it ever worked. */
  #mediaLost(error: CationError, wasConnected: boolean): void {
    const nowMs = this.#environment.nowMs();
    this.#emit("error", error);
    if (!wasConnected || nowMs - this.#lastHealAtMs < MIN_HEAL_INTERVAL_MS) return;
    this.#lastHealAtMs = nowMs;
    this.session.rejoin(error);
  }

  #ended(cause: CationError): void {
    this.close();
    this.#emit("ended", cause);
  }

  /** Sends what needs no answer; that it failed is worth telling. */
  #inform(request: ClientRequest): void {
    this.request(request).catch((thrown: unknown) => {
      if (this.session.state === "disconnected") return;
      this.#emit("error", asCationError(thrown, "PROTOCOL_ERROR", "The server's answer could not be used."));
    });
  }

  #createSubscriber(configuration: RTCConfiguration): Subscriber {
    return new Subscriber(this.#environment, configuration, {
      answer: async (answer) => {
        await this.request({ $case: "subscriberAnswer", value: answer });
      },
      restart: async () => {
        await this.request({ $case: "restartSubscriber", value: {} });
      },
      onMedia: (media) => this.#received(media),
      onStateChanged: (state) => this.#emit("mediaStateChanged", "subscriber", state),
      onError: (error) => this.#mediaLost(error, error.code === "NEGOTIATION_FAILED"),
      onMediaLost: (wasConnected) => this.#mediaLost(mediaFailed("received"), wasConnected),
    });
  }

  #createLocalTracks(): LocalTracks {
    return new LocalTracks(this.#environment, (request) => this.request(request), {
      onPublished: (track) => this.#emit("localTrackPublished", track),
      onUnpublished: (track) => this.#emit("localTrackUnpublished", track),
      onMutedChanged: (track) => this.#emit("localTrackMutedChanged", track),
      onCaptureEnded: (track) => this.#emit("localTrackEnded", track),
      onStateChanged: (state) => this.#emit("mediaStateChanged", "publisher", state),
      onMediaLost: (wasConnected) => this.#mediaLost(mediaFailed("sent"), wasConnected),
      onError: (error) => this.#emit("error", error),
    });
  }

  #createRoster(): Roster {
    return new Roster({
      onParticipantJoined: (participant) => this.#emit("participantJoined", participant),
      onParticipantChanged: (participant) => this.#emit("participantChanged", participant),
      onParticipantLeft: (participant) => this.#emit("participantLeft", participant),
      onTrackPublished: (track, participant) => this.#emit("trackPublished", track, participant),
      onTrackUnpublished: (track, participant) => this.#emit("trackUnpublished", track, participant),
      onTrackMuted: (track, participant) => this.#emit("trackMutedChanged", track, participant),
      onTrackMedia: (track, participant) => this.#emit("trackMediaChanged", track, participant),
      onTrackShare: (track, participant) => this.#emit("trackShareChanged", track, participant),
    });
  }
}

function peerConfiguration(iceServers: readonly IceServer[]): RTCConfiguration {
  return {
    bundlePolicy: "max-bundle",
    rtcpMuxPolicy: "require",
    iceServers: iceServers.map(({ urls, username, credential }) => ({
      urls,
      ...(username === "" ? {} : { username, credential }),
    })),
  };
}

function mediaFailed(direction: "sent" | "received"): CationError {
  return clientError(
    "MEDIA_FAILED",
    `Sound and picture cannot be ${direction}: the network lets the connection to the server through, but not media.`,
  );
}
