import type { KnownTrack } from "./track-directory.ts";

/** A subscription to ask for. */
export interface SubscriptionWish {
  readonly trackId: string;
  readonly subscribed: boolean;
}

/**
 * Chooses as a page with so many tiles does: every voice, and the pictures of the first few who publish, others moving up
 * where one leaves. Own tracks are not shown.
 */
export class VisibleTracks {
  readonly #tiles: number;
  readonly #subscribed = new Set<string>();

  constructor(tiles: number) {
    this.#tiles = tiles;
  }

  /** What to ask for now, given the tracks of others. */
  update(tracks: readonly KnownTrack[]): SubscriptionWish[] {
    const kept = tracks.filter(({ kind, trackId }) => kind === "video" && this.#subscribed.has(trackId));
    const others = tracks.filter(({ kind, trackId }) => kind === "video" && !this.#subscribed.has(trackId));
    const pictures = [...kept, ...others].slice(0, this.#tiles);
    const wanted = new Set([...tracks.filter(({ kind }) => kind === "audio"), ...pictures].map((one) => one.trackId));
    const known = new Set(tracks.map(({ trackId }) => trackId));
    const wishes: SubscriptionWish[] = [];
    for (const trackId of this.#subscribed) {
      if (wanted.has(trackId)) continue;
      this.#subscribed.delete(trackId);
      // A subscription to what is gone is gone with it.
      if (known.has(trackId)) wishes.push({ trackId, subscribed: false });
    }
    for (const trackId of wanted) {
      if (this.#subscribed.has(trackId)) continue;
      this.#subscribed.add(trackId);
      wishes.push({ trackId, subscribed: true });
    }
    return wishes;
  }

  /** In a new session nothing is subscribed. */
  reset(): void {
    this.#subscribed.clear();
  }
}
