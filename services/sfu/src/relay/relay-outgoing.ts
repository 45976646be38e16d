import type { Consumer } from "@cation/engine/consumer";
import type { LayerDemand } from "@cation/engine/demand/demand-watcher";
import type { LinkDown, RelayStarted } from "@cation/proto/relay/v1/relay";
import type { Clock, Timer } from "@cation/service-kit/clock";
import { toLinkCodecs, toRelayExtensions, toRelayPayloads } from "../track-records.ts";
import type { LinkPath } from "./link-path.ts";
import type { LinkTrack } from "./link-track.ts";
import type { RelayLease } from "./relay-hub.ts";
import type { RelayMedia } from "./relay-media.ts";
import type { FeedListener, TrackFeed } from "./track-feed.ts";

/** A watcher may hear of a track before its node has it in hand: how long the node waits for it. */
const APPEARANCE_DEADLINE_MS = 5_000;

export interface RelayOutgoingOptions {
  readonly trackId: string;
  readonly roomId: string;
  /** This node. */
  readonly nodeId: string;
  readonly path: LinkPath;
  readonly media: RelayMedia;
  readonly clock: Clock;
  /** Asks for the track, wherever it comes from. */
  readonly acquire: (listener: FeedListener) => RelayLease;
  readonly send: (message: LinkDown) => void;
  /** The track is gone, or never came. */
  readonly onEnded: () => void;
  /** The path has no room for its streams. */
  readonly onExhausted: () => void;
  /** Of a video track: streams that may be left out while the other side lags. */
  readonly onVideoStreams: (ssrcs: readonly number[], present: boolean) => void;
}

/**
 * One track on its way to another node: waits for it, announces it, forwards it unrewritten. Where the track comes over a
 * relay itself and its way changes, the streams of this link go on with the new source.
 */
export class RelayOutgoing implements LinkTrack {
  readonly #options: RelayOutgoingOptions;
  readonly #lease: RelayLease;
  #timer: Timer | undefined;
  #feed: TrackFeed | undefined;
  #consumer: Consumer | undefined;
  #ssrcs: number[] = [];
  #rtxSsrcs: number[] = [];
  #demand: LayerDemand | undefined;
  #closed = false;

  constructor(options: RelayOutgoingOptions) {
    this.#options = options;
    this.#timer = options.clock.setTimer(APPEARANCE_DEADLINE_MS, () => options.onEnded());
    this.#lease = options.acquire((feed) => this.#changed(feed));
  }

  get trackId(): string {
    return this.#options.trackId;
  }

  /** Forwards the track; undefined while it is awaited. */
  get consumer(): Consumer | undefined {
    return this.#consumer;
  }

  /** Whether one of these streams is this track's. */
  carries(ssrcs: readonly number[]): boolean {
    return this.#ssrcs.some((ssrc) => ssrcs.includes(ssrc));
  }

  /** The watchers want these layers at most; a track that is awaited begins with them. */
  setDemand({ maxSpatialId, maxTemporalId }: LayerDemand): void {
    this.#demand = { maxSpatialId: Math.max(-1, maxSpatialId), maxTemporalId: Math.max(-1, maxTemporalId) };
    if (this.#consumer) this.#options.media.setDemand(this.#consumer, this.#demand);
  }

  receive(packets: Uint8Array): void {
    this.#options.path.receive(packets);
  }

  /** Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#timer?.cancel();
    this.#stop();
    this.#lease.release();
  }

  #changed(feed: TrackFeed | undefined): void {
    if (this.#closed) return;
    // Gone, or of another room: the watcher has no business with it.
    if (!feed || feed.roomId !== this.#options.roomId) return this.#options.onEnded();
    const before = this.#feed;
    this.#feed = feed;
    if (!before || !this.#consumer) return this.#start(feed);
    if (!hasSameShape(before, feed)) {
      this.#stop();
      return this.#start(feed);
    }
    if (before.producer !== feed.producer) this.#options.media.replaceProducer(this.#consumer, feed.producer);
    if (before.viaNodeIds.join() === feed.viaNodeIds.join()) return;
    const { trackId, send } = this.#options;
    send({ down: { $case: "via", value: { trackId, nodeIds: this.#viaOf(feed) } } });
  }

  #start(feed: TrackFeed): void {
    const { path, media, send, onVideoStreams } = this.#options;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#ssrcs = feed.params.encodings.map(() => path.allocateSsrc());
    this.#rtxSsrcs = feed.params.encodings.map(() => (path.lossy ? path.allocateSsrc() : 0));
    if (this.#ssrcs.includes(0) || (path.lossy && this.#rtxSsrcs.includes(0))) return this.#options.onExhausted();
    if (feed.params.kind === "video") onVideoStreams(this.#ssrcs, true);
    // Before the first packet, which may come from inside addConsumer.
    send({ down: { $case: "started", value: this.#describe(feed) } });
    this.#consumer = media.addConsumer(feed.producer, {
      transport: path.transport,
      codecs: toLinkCodecs(feed.params.codecs, path.lossy),
      extensions: feed.params.extensions,
      mid: "",
      mode: "all",
      streams: this.#ssrcs.map((ssrc, i) => ({ ssrc, rtxSsrc: this.#rtxSsrcs[i] })),
    });
    if (this.#demand) media.setDemand(this.#consumer, this.#demand);
  }

  #stop(): void {
    if (!this.#consumer) return;
    const { path, media, onVideoStreams } = this.#options;
    media.closeConsumer(this.#consumer);
    this.#consumer = undefined;
    onVideoStreams(this.#ssrcs, false);
    for (const ssrc of [...this.#ssrcs, ...this.#rtxSsrcs]) path.releaseSsrc(ssrc);
    this.#ssrcs = [];
    this.#rtxSsrcs = [];
  }

  #describe(feed: TrackFeed): RelayStarted {
    return {
      track: feed.track,
      streams: this.#ssrcs.map((ssrc, encoding) => ({ encoding, ssrc, rtxSsrc: this.#rtxSsrcs[encoding] })),
      extensions: toRelayExtensions(feed.params.extensions),
      payloads: toRelayPayloads(toLinkCodecs(feed.params.codecs, this.#options.path.lossy)),
      viaNodeIds: this.#viaOf(feed),
      publication: undefined,
    };
  }

  #viaOf(feed: TrackFeed): string[] {
    return [...feed.viaNodeIds, this.#options.nodeId];
  }
}

/** Whether the streams that were announced for one can carry the other. */
function hasSameShape(a: TrackFeed, b: TrackFeed): boolean {
  return (
    a.params.encodings.length === b.params.encodings.length &&
    JSON.stringify(a.params.extensions) === JSON.stringify(b.params.extensions) &&
    JSON.stringify(toRelayPayloads(a.params.codecs)) === JSON.stringify(toRelayPayloads(b.params.codecs))
  );
}
