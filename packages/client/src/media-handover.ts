import type { ClientEnvironment } from "./environment.ts";
import type { Subscriber } from "./subscriber.ts";

const POLL_MS = 50;
/** Then the old connection is closed, whatever plays. */
const DEADLINE_MS = 8_000;

export type ReceivedMedia = ReadonlyMap<string, MediaStreamTrack>;

export interface MediaHandoverOptions {
  readonly environment: ClientEnvironment;
  /** The connection that plays now, and what it plays, by track id. Closed at the end. */
  readonly old: Subscriber;
  readonly oldMedia: ReceivedMedia;
  /** The connection that is to take over. */
  readonly fresh: Subscriber;
  /** What to play of each track from now on. */
  readonly show: (media: ReceivedMedia) => void;
  readonly onDone: () => void;
}

/**
 * Goes over from one subscriber connection to another, track by track: what the old one plays is shown until the new one
 * has decoded something of the same track.
 */
export class MediaHandover {
  readonly #options: MediaHandoverOptions;
  readonly #startedAtMs: number;
  /** Ids of media tracks of the new connection that play. */
  readonly #playing = new Set<string>();
  #freshMedia: ReceivedMedia = new Map();
  #stopTimer: (() => void) | undefined;
  #closed = false;

  constructor(options: MediaHandoverOptions) {
    this.#options = options;
    this.#startedAtMs = options.environment.nowMs();
    options.old.retire();
    this.#poll();
  }

  /** What the new connection receives, whether it plays already or not. */
  setMedia(media: ReceivedMedia): void {
    this.#freshMedia = media;
    if (!this.#closed) this.#show();
  }

  /** Ends it at once. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stopTimer?.();
    this.#options.old.close();
  }

  #poll(): void {
    this.#stopTimer = this.#options.environment.setTimer(() => void this.#look(), POLL_MS);
  }

  async #look(): Promise<void> {
    const { environment, fresh, show, onDone } = this.#options;
    const report = await fresh.getStats()?.catch(() => undefined);
    if (this.#closed) return;
    const before = this.#playing.size;
    report?.forEach((stats: unknown) => {
      const mediaTrackId = playingTrackOf(stats);
      if (mediaTrackId !== undefined) this.#playing.add(mediaTrackId);
    });
    const isLate = environment.nowMs() - this.#startedAtMs >= DEADLINE_MS;
    if (this.#isComplete() || isLate) {
      show(this.#freshMedia);
      this.close();
      onDone();
      return;
    }
    if (this.#playing.size !== before) this.#show();
    this.#poll();
  }

  /** Whether everything that the old connection plays, the new one plays too. */
  #isComplete(): boolean {
    if (this.#freshMedia.size === 0) return false;
    for (const trackId of this.#options.oldMedia.keys()) {
      const fresh = this.#freshMedia.get(trackId);
      if (fresh === undefined || !this.#playing.has(fresh.id)) return false;
    }
    return true;
  }

  #show(): void {
    const { oldMedia, show } = this.#options;
    const media = new Map(oldMedia);
    for (const [trackId, mediaTrack] of this.#freshMedia) {
      if (this.#playing.has(mediaTrack.id) || !media.has(trackId)) media.set(trackId, mediaTrack);
    }
    show(media);
  }
}

/** w3c webrtc-stats: inbound-rtp of which a frame was decoded, or samples were received. */
function playingTrackOf(stats: unknown): string | undefined {
  const { type, trackIdentifier, framesDecoded, totalSamplesReceived } = stats as {
    readonly type?: string;
    readonly trackIdentifier?: string;
    readonly framesDecoded?: number;
    readonly totalSamplesReceived?: number;
  };
  const plays = (framesDecoded ?? 0) > 0 || (totalSamplesReceived ?? 0) > 0;
  return type === "inbound-rtp" && plays ? trackIdentifier : undefined;
}
