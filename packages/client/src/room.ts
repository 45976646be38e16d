import type { TokenSource } from "./access-token.ts";
import { ActiveRoom, type Emit } from "./active-room.ts";
import { audioLevelsOf } from "./audio-levels.ts";
import { Emitter } from "./emitter.ts";
import { type ClientEnvironment, browserEnvironment } from "./environment.ts";
import { clientError } from "./errors.ts";
import type { MediaReport } from "./media-report.ts";
import { type LocalParticipant, RemoteParticipant } from "./participants.ts";
import type { RoomEvents } from "./room-events.ts";
import type { ClientRequest } from "./signal-connection.ts";
import { DEFAULT_TIMING, type SessionTiming } from "./session-timing.ts";
import type { SessionState } from "./signal-session.ts";
import { signalUrl } from "./signal-url.ts";
import type { LocalTrack, PublishOptions, SubscriptionWish } from "./tracks.ts";

export interface ConnectOptions {
  /** A signal node, or several of one cluster; ws, wss, http or https, with or without the path `/rtc`. */
  readonly url: string | readonly string[];
  readonly token: TokenSource;
  /** Receive every track without asking. Default: true. */
  readonly autoSubscribe?: boolean;
  /** Region of the client, where nodes have regions. */
  readonly region?: string;
  /** Node to be placed on, where the cluster lets clients choose (tests). */
  readonly nodeId?: string;
}

export interface RoomDependencies {
  readonly environment?: ClientEnvironment;
  readonly timing?: SessionTiming;
}

/** A page of everybody in the room, viewers included. */
export interface RosterPage {
  readonly participants: readonly RemoteParticipant[];
  /** Where the next page starts; undefined at the end. */
  readonly next: string | undefined;
}

/** Statistics of both peer connections (w3c webrtc-stats); undefined where there is none yet. */
export interface RoomStats {
  readonly publisher: RTCStatsReport | undefined;
  readonly subscriber: RTCStatsReport | undefined;
}

/** How long `leave` waits for the server to know. */
const LEAVE_DEADLINE_MS = 1_000;

/**
 * A room as one participant sees it. It connects, reconnects and publishes again by itself; events tell what happens,
 * properties what is. After it ended it can be connected again.
 */
export class Room extends Emitter<RoomEvents> {
  readonly #environment: ClientEnvironment;
  readonly #timing: SessionTiming;
  #active: ActiveRoom | undefined;

  constructor(dependencies: RoomDependencies = {}) {
    super();
    this.#environment = dependencies.environment ?? browserEnvironment();
    this.#timing = dependencies.timing ?? DEFAULT_TIMING;
  }

  get state(): SessionState {
    return this.#active?.session.state ?? "disconnected";
  }

  /** Empty before the first join. */
  get name(): string {
    return this.#active?.name ?? "";
  }

  /** Everybody, this participant and viewers included. */
  get participantCount(): number {
    return this.#active?.participantCount ?? 0;
  }

  get localParticipant(): LocalParticipant | undefined {
    return this.#active?.localParticipant;
  }

  /** The others that are known, by participant id: all who publish, and viewers that the server announced. */
  get participants(): ReadonlyMap<string, RemoteParticipant> {
    return this.#active?.roster.participants ?? new Map();
  }

  /** Joins the room that the token names. Rejects with the server's error, or when no server could be reached. */
  async connect(options: ConnectOptions): Promise<void> {
    if (this.state !== "disconnected") throw clientError("ALREADY_CONNECTED", "The room is connected already.");
    const emit: Emit = (name, ...args) => this.emit(name, ...args);
    const urls = typeof options.url === "string" ? [options.url] : options.url;
    const active = new ActiveRoom(
      this.#environment,
      this.#timing,
      {
        urls: urls.map(signalUrl),
        token: options.token,
        region: options.region ?? "",
        nodeId: options.nodeId ?? "",
        autoSubscribe: options.autoSubscribe ?? true,
      },
      emit,
    );
    this.#active = active;
    await active.session.join();
  }

  /** Publishes a capture. Rejects with `PERMISSION_DENIED` where the token does not allow its source. */
  publish(mediaTrack: MediaStreamTrack, options: PublishOptions): Promise<LocalTrack> {
    if (this.#active === undefined || this.state === "disconnected") return Promise.reject(notConnected());
    return this.#active.localTracks.publish(mediaTrack, options);
  }

  /** Chooses what to receive of a track. */
  async setSubscription(trackId: string, wish: SubscriptionWish): Promise<void> {
    if (this.#active === undefined) throw notConnected();
    await this.#active.setSubscription(trackId, wish);
  }

  /** Who speaks, by participant id, the dominant one first. */
  get speakers(): readonly string[] {
    return this.#active?.speakers ?? [];
  }

  /** How well connections work, 1 (bad) … 5, by participant id, as far as it is known. */
  get connectionQualities(): ReadonlyMap<string, number> {
    return this.#active?.connectionQualities ?? new Map();
  }

  /** The newest figures of what is sent and received; undefined before the first. */
  get mediaReport(): MediaReport | undefined {
    return this.#active?.mediaReport;
  }

  /**
   * The element shows this picture until the returned function is called: what is received of it follows the element's size,
   * and stops while it cannot be seen.
   */
  observeVideo(trackId: string, element: Element): () => void {
    return this.#active?.observeVideo(trackId, element) ?? (() => undefined);
  }

  /** Mutes or unmutes somebody else's track. Needs `administer`. */
  async setRemoteMuted(trackId: string, muted: boolean): Promise<void> {
    await this.#request({ $case: "setMuted", value: { trackId, muted } });
  }

  /** Removes somebody from the room. Needs `administer`. */
  async removeParticipant(participantId: string): Promise<void> {
    await this.#request({ $case: "removeParticipant", value: { participantId } });
  }

  /** Everybody in the room, page by page; `after` is a page's `next`, `limit` 1 … 200. */
  async listParticipants(after = "", limit = 100): Promise<RosterPage> {
    const result = await this.#request({ $case: "getRoster", value: { after, limit } });
    if (result.$case !== "roster") throw clientError("PROTOCOL_ERROR", "The server answered something else.");
    const { participants, next } = result.value;
    return {
      participants: participants.map((info) => new RemoteParticipant(info)),
      next: next === "" ? undefined : next,
    };
  }

  /** How loud each participant is now, 0 … 1, this one included where it sends sound; by participant id. */
  async audioLevels(): Promise<ReadonlyMap<string, number>> {
    const { publisher, subscriber } = await this.getStats();
    const levels = new Map<string, number>();
    const byMediaTrack = new Map(
      (subscriber === undefined ? [] : audioLevelsOf(subscriber, "inbound-rtp")).map((one) => [one.mediaTrackId, one]),
    );
    for (const participant of this.participants.values()) {
      for (const { kind, mediaTrack } of participant.tracks.values()) {
        const heard = kind === "audio" ? byMediaTrack.get(mediaTrack?.id) : undefined;
        if (heard !== undefined) raise(levels, participant.id, heard.level);
      }
    }
    const localId = this.localParticipant?.id;
    if (publisher === undefined || localId === undefined) return levels;
    for (const { level } of audioLevelsOf(publisher, "media-source")) raise(levels, localId, level);
    return levels;
  }

  async getStats(): Promise<RoomStats> {
    const [publisher, subscriber] = await Promise.all([this.#active?.localTracks.getStats(), this.#active?.getStats()]);
    return { publisher, subscriber };
  }

  /** Leaves. The server is told at once (so also while a page unloads); resolves when it knows. Idempotent. */
  async leave(): Promise<void> {
    const active = this.#active;
    if (active === undefined) return;
    await active.session.leave(LEAVE_DEADLINE_MS);
    active.close();
  }

  #request(request: ClientRequest): ReturnType<ActiveRoom["request"]> {
    return this.#active === undefined ? Promise.reject(notConnected()) : this.#active.request(request);
  }
}

function raise(levels: Map<string, number>, participantId: string, level: number): void {
  levels.set(participantId, Math.max(level, levels.get(participantId) ?? 0));
}

function notConnected(): ReturnType<typeof clientError> {
  return clientError("NOT_CONNECTED", "The room is not connected.");
}
