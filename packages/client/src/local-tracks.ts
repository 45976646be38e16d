import type { TrackDemand } from "@cation/proto/client/v1/client";
import type { TrackMuted } from "@cation/proto/state/v1/state";
import type { ClientEnvironment } from "./environment.ts";
import { type CationError, asCationError, clientError } from "./errors.ts";
import { Publisher } from "./publisher.ts";
import type { ClientRequest, ClientResult } from "./signal-connection.ts";
import { LocalTrack, type LocalTrackControl, type PublishOptions } from "./tracks.ts";

export interface LocalTracksObserver {
  onPublished(track: LocalTrack): void;
  onUnpublished(track: LocalTrack): void;
  onMutedChanged(track: LocalTrack): void;
  /** The capture ended: the device was unplugged, or the browser's own "stop sharing" was pressed. */
  onCaptureEnded(track: LocalTrack): void;
  onStateChanged(state: RTCPeerConnectionState): void;
  onMediaLost(wasConnected: boolean): void;
  onError(error: CationError): void;
}

/** Errors of an Unpublish or SetMuted after which there is nothing left to do: the server has no such track. */
const ALREADY_GONE: ReadonlySet<string> = new Set(["TRACK_NOT_FOUND", "SESSION_LOST", "LEFT"]);

/** A publisher connection that is replaced sends on for so long after the new one sends: viewers go over at a keyframe. */
const HANDOVER_MS = 2_500;
const HANDOVER_CHECK_MS = 250;
/** Then it is closed, whatever became of the new one. */
const HANDOVER_DEADLINE_MS = 12_000;

/** What browsers optimise for (w3c mst-content-hint), where the application did not say. */
const CONTENT_HINTS = { camera: "motion", microphone: "speech", screen: "detail", "screen-audio": "music" } as const;

/**
 * The tracks that this participant publishes, and the connection that carries them. They outlive both: when a session
 * is lost, they are published again on the next one.
 */
export class LocalTracks implements LocalTrackControl {
  readonly tracks: ReadonlySet<LocalTrack>;
  readonly #tracks = new Set<LocalTrack>();
  readonly #environment: ClientEnvironment;
  readonly #request: (request: ClientRequest) => Promise<ClientResult>;
  readonly #observer: LocalTracksObserver;
  #configuration: RTCConfiguration = {};
  #publisher: Publisher | undefined;
  readonly #retiring = new Set<Publisher>();
  /** Wake those whose publication was interrupted by the loss of the session. */
  #onRestart: (() => void)[] = [];
  #closed = false;

  constructor(
    environment: ClientEnvironment,
    request: (request: ClientRequest) => Promise<ClientResult>,
    observer: LocalTracksObserver,
  ) {
    this.#environment = environment;
    this.#request = request;
    this.#observer = observer;
    this.tracks = this.#tracks;
  }

  /** A session begins. What was published on the one before is published again. */
  start(configuration: RTCConfiguration): void {
    this.#configuration = configuration;
    this.#publisher?.close();
    this.#publisher = undefined;
    for (const track of this.#tracks) {
      track.setId("");
      void this.#republish(track);
    }
    this.#wakeInterrupted();
  }

  /**
   * The session goes on at another node: the tracks are published there under their ids. What sends now goes on for a moment,
   * so that nobody who watches misses anything.
   */
  move(configuration: RTCConfiguration): void {
    const before = this.#publisher;
    this.#configuration = configuration;
    this.#publisher = undefined;
    if (before !== undefined) this.#retire(before);
    for (const track of this.#tracks) void this.#republish(track);
    this.#wakeInterrupted();
  }

  /** Publishes a capture. Rejects with the server's error where the token does not allow it. */
  async publish(mediaTrack: MediaStreamTrack, options: PublishOptions): Promise<LocalTrack> {
    if (mediaTrack.contentHint === "") mediaTrack.contentHint = CONTENT_HINTS[options.source];
    const track = new LocalTrack(mediaTrack, options, this);
    await this.#send(track);
    this.#tracks.add(track);
    this.#watchCapture(track, mediaTrack);
    this.#observer.onPublished(track);
    return track;
  }

  async setMuted(track: LocalTrack, muted: boolean): Promise<void> {
    if (track.muted === muted) return;
    // First of all nothing more is sent; whether the others hear of it comes second.
    track.setMutedState(muted);
    this.#observer.onMutedChanged(track);
    if (track.id !== "") await this.#tell({ $case: "setMuted", value: { trackId: track.id, muted } });
  }

  async replaceMedia(track: LocalTrack, mediaTrack: MediaStreamTrack | null): Promise<void> {
    if (!this.#tracks.has(track)) throw clientError("TRACK_NOT_PUBLISHED", "The track is not published.");
    if (mediaTrack?.contentHint === "") mediaTrack.contentHint = CONTENT_HINTS[track.source];
    track.setMediaTrack(mediaTrack);
    await this.#publisher?.replaceMedia(track, mediaTrack);
    if (mediaTrack !== null) this.#watchCapture(track, mediaTrack);
  }

  async unpublish(track: LocalTrack): Promise<void> {
    if (!this.#tracks.delete(track)) return;
    this.#observer.onUnpublished(track);
    try {
      await this.#publisher?.unpublish(track);
    } catch (thrown) {
      const error = asCationError(thrown, "NEGOTIATION_FAILED", "The track could not be taken back.");
      if (!ALREADY_GONE.has(error.code)) throw error;
    }
  }

  /** The server says that a track of one's own is muted: somebody who administers the room did it. */
  applyMuted(change: TrackMuted): void {
    for (const track of this.#tracks) {
      if (track.id !== change.trackId || track.muted === change.muted) continue;
      track.setMutedState(change.muted);
      this.#observer.onMutedChanged(track);
    }
  }

  /** What others want of this participant's tracks. */
  applyDemands(demands: readonly TrackDemand[]): void {
    for (const demand of demands) this.#publisher?.setDemand(demand);
  }

  onNetworkChange(): void {
    this.#publisher?.onNetworkChange();
  }

  getStats(): Promise<RTCStatsReport> | undefined {
    return this.#publisher?.getStats();
  }

  close(): void {
    this.#closed = true;
    this.#publisher?.close();
    for (const publisher of this.#retiring) publisher.close();
    this.#tracks.clear();
    this.#wakeInterrupted();
  }

  /** Sends a track, on the next session if this one is lost meanwhile. */
  async #send(track: LocalTrack): Promise<void> {
    for (;;) {
      if (this.#closed) throw clientError("LEFT", "The room was left.");
      const publisher = (this.#publisher ??= this.#openPublisher());
      const { muted, mediaTrack } = track;
      try {
        await publisher.publish(track);
        await this.#catchUp(track, publisher, muted, mediaTrack);
        return;
      } catch (thrown) {
        const error = asCationError(thrown, "NEGOTIATION_FAILED", "The track could not be published.");
        if (error.code !== "SESSION_LOST") throw error;
        if (publisher === this.#publisher) await new Promise<void>((resolve) => this.#onRestart.push(resolve));
      }
    }
  }

  /** Brings over what changed about a track while its offer was under way. */
  async #catchUp(
    track: LocalTrack,
    publisher: Publisher,
    offeredMuted: boolean,
    offeredMedia: MediaStreamTrack | null,
  ): Promise<void> {
    if (track.mediaTrack !== offeredMedia) await publisher.replaceMedia(track, track.mediaTrack);
    if (track.muted !== offeredMuted) {
      await this.#tell({ $case: "setMuted", value: { trackId: track.id, muted: track.muted } });
    }
  }

  #retire(publisher: Publisher): void {
    publisher.retire();
    this.#retiring.add(publisher);
    const startedAtMs = this.#environment.nowMs();
    let connectedAtMs: number | undefined;
    const check = (): void => {
      const nowMs = this.#environment.nowMs();
      connectedAtMs = this.#publisher?.connected === true ? (connectedAtMs ?? nowMs) : undefined;
      const isReplaced = connectedAtMs !== undefined && nowMs - connectedAtMs >= HANDOVER_MS;
      if (isReplaced || this.#tracks.size === 0 || nowMs - startedAtMs >= HANDOVER_DEADLINE_MS) {
        this.#retiring.delete(publisher);
        publisher.close();
      } else if (!this.#closed) {
        this.#environment.setTimer(check, HANDOVER_CHECK_MS);
      }
    };
    check();
  }

  async #republish(track: LocalTrack): Promise<void> {
    try {
      await this.#send(track);
      this.#observer.onPublished(track);
    } catch (thrown) {
      if (this.#closed || !this.#tracks.delete(track)) return;
      this.#observer.onUnpublished(track);
      this.#observer.onError(asCationError(thrown, "NEGOTIATION_FAILED", "A track could not be published again."));
    }
  }

  async #tell(request: ClientRequest): Promise<void> {
    try {
      await this.#request(request);
    } catch (thrown) {
      const error = asCationError(thrown, "PROTOCOL_ERROR", "The server's answer could not be used.");
      if (!ALREADY_GONE.has(error.code)) throw error;
    }
  }

  #openPublisher(): Publisher {
    const publisher = new Publisher(this.#environment, this.#configuration, {
      offer: async (offer) => {
        const result = await this.#request({ $case: "publisherOffer", value: offer });
        if (result.$case === "publisherAnswer") return result.value;
        throw clientError("PROTOCOL_ERROR", "The server answered an offer with something else.");
      },
      unpublish: (trackId) => this.#tell({ $case: "unpublish", value: { trackId } }),
      onStateChanged: (state) => this.#observer.onStateChanged(state),
      onMediaLost: (wasConnected) => this.#observer.onMediaLost(wasConnected),
    });
    return publisher;
  }

  #watchCapture(track: LocalTrack, mediaTrack: MediaStreamTrack): void {
    mediaTrack.addEventListener("ended", () => {
      if (this.#tracks.has(track) && track.mediaTrack === mediaTrack) this.#observer.onCaptureEnded(track);
    });
  }

  #wakeInterrupted(): void {
    const interrupted = this.#onRestart;
    this.#onRestart = [];
    for (const wake of interrupted) wake();
  }
}
