import { upstreamsOf } from "@cation/cluster/relay-plan";
import type { RelayParents } from "@cation/cluster/relay-plan";
import type { Clock } from "@cation/service-kit/clock";
import { RelayLinkClient } from "./relay-link-client.ts";
import type { RelayLinkClientOptions, RelayLinkHandler } from "./relay-link-client.ts";
import { RelayedTrack } from "./relayed-track.ts";
import type { FeedListener } from "./track-feed.ts";

/** A track nobody watches any more is kept for this long: viewers that switch would otherwise close and open it. */
export const LINGER_MS = 400;

/** A share in a track from another node. */
export interface RelayLease {
  /** The listener is not called any more. Idempotent. */
  release(): void;
}

/** What all links of a room share. */
export type RelayHubOptions = Omit<RelayLinkClientOptions, "peerNodeId" | "handler" | "readEpoch"> & {
  readonly clock: Clock;
};

/**
 * Brings the tracks of other nodes here: each once, whoever asks (viewers here, and nodes that this one feeds), for as long
 * as somebody does. The room's relay plan says from where.
 */
export class RelayHub {
  readonly #options: RelayHubOptions;
  readonly #links = new Map<string, RelayLinkClient>();
  readonly #tracks = new Map<string, RelayedTrack>();
  #parents: RelayParents = new Map();
  #epoch = 0;
  #closed = false;

  constructor(options: RelayHubOptions) {
    this.#options = options;
  }

  get roomId(): string {
    return this.#options.roomId;
  }

  /** Links to other nodes, by node. */
  get links(): ReadonlyMap<string, RelayLinkClient> {
    return this.#links;
  }

  /** Tracks that are had from other nodes, or asked for. */
  get tracks(): ReadonlyMap<string, RelayedTrack> {
    return this.#tracks;
  }

  /** The room's epoch as somebody knows it; an older one is passed over. */
  noteEpoch(epoch: number): void {
    this.#epoch = Math.max(this.#epoch, epoch);
  }

  /** How tracks travel from now on. Idempotent. */
  setPlan(parents: RelayParents): void {
    this.#parents = parents;
    for (const track of this.#tracks.values())
      track.retarget(track.originNodeId, this.#upstreamsOf(track.originNodeId));
  }

  /** A track comes in on another node than before. */
  moveOrigin(trackId: string, originNodeId: string): void {
    this.#tracks.get(trackId)?.retarget(originNodeId, this.#upstreamsOf(originNodeId));
  }

  /** Asks for a track of another node. The listener is called at once when the track flows already. */
  acquire(trackId: string, originNodeId: string, listener: FeedListener): RelayLease {
    if (this.#closed) return { release: () => undefined };
    const relayed = this.#tracks.get(trackId) ?? this.#open(trackId, originNodeId);
    relayed.linger?.cancel();
    relayed.linger = undefined;
    relayed.addListener(listener);
    if (relayed.feed) listener(relayed.feed);
    return { release: () => this.#release(relayed, listener) };
  }

  /** The track is gone from the room: nobody has to wait for anything. */
  forget(trackId: string): void {
    const relayed = this.#tracks.get(trackId);
    if (relayed && !relayed.wanted) this.#drop(relayed);
  }

  /** Idempotent. */
  close(): void {
    this.#closed = true;
    for (const relayed of [...this.#tracks.values()]) this.#drop(relayed);
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
  }

  #upstreamsOf(originNodeId: string): string[] {
    return upstreamsOf(this.#parents, this.#options.nodeId, originNodeId);
  }

  #open(trackId: string, originNodeId: string): RelayedTrack {
    const { clock, random, media } = this.#options;
    const relayed = new RelayedTrack(
      {
        trackId,
        clock,
        random,
        obtainLink: (nodeId) => this.#obtainLink(nodeId),
        releaseLink: (link) => this.#releaseLink(link),
        isIdle: (producer) => media.isProducerIdle(producer),
      },
      originNodeId,
      this.#upstreamsOf(originNodeId),
    );
    this.#tracks.set(trackId, relayed);
    relayed.start();
    return relayed;
  }

  #obtainLink(nodeId: string): RelayLinkClient {
    let link = this.#links.get(nodeId);
    if (link) return link;
    const handler: RelayLinkHandler = {
      onFeed: (trackId, feed) => this.#withLink(nodeId, trackId, (relayed, from) => relayed.feedCame(from, feed)),
      onEnded: (trackId) => this.#withLink(nodeId, trackId, (relayed, from) => relayed.feedFailed(from)),
      onTrouble: (from) => {
        for (const [trackId] of [...from.feeds()]) this.#tracks.get(trackId)?.feedFailed(from);
      },
    };
    link = new RelayLinkClient({ ...this.#options, peerNodeId: nodeId, readEpoch: () => this.#epoch, handler });
    this.#links.set(nodeId, link);
    return link;
  }

  #withLink(nodeId: string, trackId: string, act: (relayed: RelayedTrack, link: RelayLinkClient) => void): void {
    const relayed = this.#tracks.get(trackId);
    const link = this.#links.get(nodeId);
    if (relayed && link) act(relayed, link);
  }

  #releaseLink(link: RelayLinkClient): void {
    if (link.trackCount > 0 || this.#links.get(link.peerNodeId) !== link) return;
    this.#links.delete(link.peerNodeId);
    link.close();
  }

  #release(relayed: RelayedTrack, listener: FeedListener): void {
    if (!relayed.removeListener(listener) || relayed.wanted) return;
    if (this.#tracks.get(relayed.trackId) !== relayed) return;
    relayed.linger = this.#options.clock.setTimer(LINGER_MS, () => this.#drop(relayed));
  }

  #drop(relayed: RelayedTrack): void {
    if (this.#tracks.get(relayed.trackId) === relayed) this.#tracks.delete(relayed.trackId);
    relayed.close();
  }
}
