import type { Producer } from "@cation/engine/producer";
import type { Clock, Timer } from "@cation/service-kit/clock";
import { RelayLinkClient } from "./relay-link-client.ts";
import type { RelayLinkClientOptions } from "./relay-link-client.ts";

/** A track nobody watches any more is kept for this long: viewers that switch would otherwise close and open it. */
export const LINGER_MS = 400;

/** Told which producer a track comes from, now and whenever that changes; undefined while it comes from none. */
export type ProducerListener = (producer: Producer | undefined) => void;

/** A share in a track from another node. */
export interface RelayLease {
  /** The listener is not called any more. Idempotent. */
  release(): void;
}

/** What all links of a room share. */
export type RelayHubOptions = Omit<RelayLinkClientOptions, "peerNodeId" | "onProducer"> & { readonly clock: Clock };

interface RelayedTrack {
  readonly link: RelayLinkClient;
  readonly listeners: Set<ProducerListener>;
  linger: Timer | undefined;
}

/** Brings the tracks of other nodes here: each once, whoever asks, for as long as somebody does. */
export class RelayHub {
  readonly #options: RelayHubOptions;
  readonly #links = new Map<string, RelayLinkClient>();
  readonly #tracks = new Map<string, RelayedTrack>();
  #closed = false;

  constructor(options: RelayHubOptions) {
    this.#options = options;
  }

  /** Links to other nodes, by node. */
  get links(): ReadonlyMap<string, RelayLinkClient> {
    return this.#links;
  }

  /** Asks for a track of another node. The listener is called at once when the track flows already. */
  acquire(trackId: string, nodeId: string, listener: ProducerListener): RelayLease {
    if (this.#closed) return { release: () => undefined };
    const relayed = this.#tracks.get(trackId) ?? this.#open(trackId, nodeId);
    relayed.linger?.cancel();
    relayed.linger = undefined;
    relayed.listeners.add(listener);
    const producer = relayed.link.tracks.get(trackId);
    if (producer) listener(producer);
    return { release: () => this.#release(trackId, relayed, listener) };
  }

  /** The track is gone from the room: nobody has to wait for anything. All leases have been released. */
  forget(trackId: string): void {
    const relayed = this.#tracks.get(trackId);
    if (relayed && relayed.listeners.size === 0) this.#drop(trackId, relayed);
  }

  /** Idempotent. */
  close(): void {
    this.#closed = true;
    for (const { linger } of this.#tracks.values()) linger?.cancel();
    this.#tracks.clear();
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
  }

  #open(trackId: string, nodeId: string): RelayedTrack {
    let link = this.#links.get(nodeId);
    if (!link) {
      link = new RelayLinkClient({
        ...this.#options,
        peerNodeId: nodeId,
        onProducer: (id, producer) => this.#tell(id, producer),
      });
      this.#links.set(nodeId, link);
    }
    const relayed: RelayedTrack = { link, listeners: new Set(), linger: undefined };
    this.#tracks.set(trackId, relayed);
    link.want(trackId);
    return relayed;
  }

  #release(trackId: string, relayed: RelayedTrack, listener: ProducerListener): void {
    if (!relayed.listeners.delete(listener) || relayed.listeners.size > 0) return;
    if (this.#tracks.get(trackId) !== relayed) return;
    relayed.linger = this.#options.clock.setTimer(LINGER_MS, () => this.#drop(trackId, relayed));
  }

  #drop(trackId: string, relayed: RelayedTrack): void {
    relayed.linger?.cancel();
    this.#tracks.delete(trackId);
    relayed.link.drop(trackId);
    if (relayed.link.tracks.size > 0) return;
    this.#links.delete(relayed.link.peerNodeId);
    relayed.link.close();
  }

  #tell(trackId: string, producer: Producer): void {
    for (const listener of [...(this.#tracks.get(trackId)?.listeners ?? [])]) listener(producer);
  }
}
