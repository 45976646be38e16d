import type { Track } from "@cation/proto/state/v1/state";
import type { LocalTracks } from "./local-tracks.ts";
import type { Producer } from "@cation/engine/producer";
import type { RelayHub, RelayLease } from "./relay/relay-hub.ts";

/** Told which producer a track comes from, now and whenever that changes; undefined while it comes from none. */
export type ProducerListener = (producer: Producer | undefined) => void;

/** A share in a track, wherever it comes in. */
export type TrackLease = RelayLease;

/** Asks for a track, wherever it comes in; see TrackSources.acquire. */
export type AcquireTrack = (track: Track, listener: ProducerListener) => TrackLease;

/** Where a room's tracks are had from on this node: from a client here, or over a relay. */
export class TrackSources {
  readonly #nodeId: string;
  readonly #local: LocalTracks;
  readonly #hub: RelayHub;

  constructor(nodeId: string, local: LocalTracks, hub: RelayHub) {
    this.#nodeId = nodeId;
    this.#local = local;
    this.#hub = hub;
  }

  /**
   * Asks for a track. The listener hears of its producer, at once when there is one, later when it appears, and with
   * undefined before it is closed.
   */
  acquire(track: Track, listener: ProducerListener): TrackLease {
    if (track.nodeId !== this.#nodeId) return this.#acquireRelayed(track, listener);
    const unwatch = this.#local.watch(track.trackId, (local) => listener(local?.producer));
    const present = this.#local.get(track.trackId);
    if (present) listener(present.producer);
    return { release: unwatch };
  }

  #acquireRelayed({ trackId, nodeId }: Track, listener: ProducerListener): TrackLease {
    let producer: Producer | undefined;
    return this.#hub.acquire(trackId, nodeId, (feed) => {
      // Only its way may have become another.
      if (feed?.producer === producer) return;
      producer = feed?.producer;
      listener(producer);
    });
  }
}
