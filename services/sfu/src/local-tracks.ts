import type { ProducerParams } from "@cation/engine/parameters";
import type { Producer } from "@cation/engine/producer";
import type { Track } from "@cation/proto/state/v1/state";

/** A track that a client publishes on this node. */
export interface LocalTrack {
  readonly roomId: string;
  readonly track: Track;
  readonly params: ProducerParams;
  readonly producer: Producer;
}

/** Called with the track when it appears, and with undefined when it is gone. */
export type LocalTrackListener = (track: LocalTrack | undefined) => void;

/** The tracks that come in on this node, and those who wait for one. Track ids are unique in the cluster. */
export class LocalTracks {
  readonly #tracks = new Map<string, LocalTrack>();
  readonly #listeners = new Map<string, Set<LocalTrackListener>>();

  get size(): number {
    return this.#tracks.size;
  }

  get(trackId: string): LocalTrack | undefined {
    return this.#tracks.get(trackId);
  }

  values(): Iterable<LocalTrack> {
    return this.#tracks.values();
  }

  add(track: LocalTrack): void {
    this.#tracks.set(track.track.trackId, track);
    this.#tell(track.track.trackId, track);
  }

  /** To be called before the producer is closed, so that nobody is left with a dead one. Idempotent. */
  remove(trackId: string): void {
    if (this.#tracks.delete(trackId)) this.#tell(trackId, undefined);
  }

  /** Watches a track, present or not. Returns what ends it. */
  watch(trackId: string, listener: LocalTrackListener): () => void {
    let listeners = this.#listeners.get(trackId);
    if (!listeners) this.#listeners.set(trackId, (listeners = new Set()));
    listeners.add(listener);
    return () => {
      if (!listeners.delete(listener) || listeners.size > 0) return;
      if (this.#listeners.get(trackId) === listeners) this.#listeners.delete(trackId);
    };
  }

  #tell(trackId: string, track: LocalTrack | undefined): void {
    for (const listener of [...(this.#listeners.get(trackId) ?? [])]) listener(track);
  }
}
