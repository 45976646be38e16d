import type { SetSubscription } from "@cation/proto/client/v1/client";
import { priorityToWire } from "./track-priority.ts";
import type { SubscriptionWish } from "./tracks.ts";

/** What this participant wishes to receive where that is not the default; a new session is told again. */
export class Subscriptions {
  readonly #wishes = new Map<string, SetSubscription>();
  readonly #subscribedByDefault: boolean;

  constructor(autoSubscribe: boolean) {
    this.#subscribedByDefault = autoSubscribe;
  }

  /** Merges a wish into what is known of the track, and returns the whole. */
  set(trackId: string, wish: SubscriptionWish): SetSubscription {
    const known = this.#wishes.get(trackId);
    const merged: SetSubscription = {
      trackId,
      subscribed: wish.subscribed ?? known?.subscribed ?? this.#subscribedByDefault,
      paused: wish.paused ?? known?.paused ?? false,
      maxSpatialId: "maxSpatialId" in wish ? wish.maxSpatialId : known?.maxSpatialId,
      maxTemporalId: "maxTemporalId" in wish ? wish.maxTemporalId : known?.maxTemporalId,
      width: "width" in wish ? wish.width : known?.width,
      height: "height" in wish ? wish.height : known?.height,
      maxFrameRate: "maxFrameRate" in wish ? wish.maxFrameRate : known?.maxFrameRate,
      priority: wish.priority === undefined ? known?.priority : priorityToWire(wish.priority),
    };
    this.#wishes.set(trackId, merged);
    return merged;
  }

  /** The track is gone. */
  forget(trackId: string): void {
    this.#wishes.delete(trackId);
  }

  all(): SetSubscription[] {
    return [...this.#wishes.values()];
  }
}
