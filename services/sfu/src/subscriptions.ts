import type { SetSubscription, TrackPriority } from "@cation/proto/client/v1/client";
import type { Track } from "@cation/proto/state/v1/state";

/** How a participant wants a track. */
export interface SubscriptionSettings {
  /** No media, but the m-line stays. */
  readonly paused: boolean;
  /** Highest encoding, counted from 0; undefined means the best. */
  readonly maxSpatialId: number | undefined;
  /** Highest temporal layer; undefined means all. */
  readonly maxTemporalId: number | undefined;
  /** Size at which it is shown, in pixels; undefined means no limit. */
  readonly width: number | undefined;
  readonly height: number | undefined;
  /** Frames a second that are enough; undefined means all. */
  readonly maxFrameRate: number | undefined;
  /** Beside the participant's other tracks; undefined where it has not said. */
  readonly priority: TrackPriority | undefined;
}

const AS_IT_COMES: SubscriptionSettings = {
  paused: false,
  maxSpatialId: undefined,
  maxTemporalId: undefined,
  width: undefined,
  height: undefined,
  maxFrameRate: undefined,
  priority: undefined,
};

interface Wish extends SubscriptionSettings {
  readonly subscribed: boolean;
}

export interface SubscriptionsOptions {
  readonly participantId: string;
  /** Every track is wanted unless a wish says otherwise. */
  readonly autoSubscribe: boolean;
  /** Whether the participant's grants allow it to receive at all. */
  readonly allowed: boolean;
}

/** What one participant wants to receive: its wishes, laid over its default. Knows nothing of transports. */
export class Subscriptions {
  readonly #options: SubscriptionsOptions;
  /** Only of tracks that are in the room, so bounded by them. */
  readonly #wishes = new Map<string, Wish>();

  constructor(options: SubscriptionsOptions) {
    this.#options = options;
  }

  /** Whether the participant may receive at all. */
  get allowed(): boolean {
    return this.#options.allowed;
  }

  /** Remembers a wish. The caller has checked that the track is in the room. */
  set(request: SetSubscription): void {
    this.#wishes.set(request.trackId, {
      subscribed: request.subscribed,
      paused: request.paused,
      maxSpatialId: request.maxSpatialId,
      maxTemporalId: request.maxTemporalId,
      width: request.width,
      height: request.height,
      maxFrameRate: request.maxFrameRate,
      priority: request.priority,
    });
  }

  /** How the track is wanted; undefined when it is not. One's own tracks are never sent back. */
  settingsFor(track: Track): SubscriptionSettings | undefined {
    if (!this.#options.allowed || track.participantId === this.#options.participantId) return undefined;
    const wish = this.#wishes.get(track.trackId);
    if (wish) return wish.subscribed ? wish : undefined;
    return this.#options.autoSubscribe ? AS_IT_COMES : undefined;
  }

  /** The track is gone from the room. */
  forget(trackId: string): void {
    this.#wishes.delete(trackId);
  }

  /** Forgets the wishes for all tracks that are gone. */
  retain(isInRoom: (trackId: string) => boolean): void {
    for (const trackId of this.#wishes.keys()) {
      if (!isInRoom(trackId)) this.#wishes.delete(trackId);
    }
  }
}
