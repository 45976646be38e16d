import type { Consumer } from "@cation/engine/consumer";
import type { TransportHandle } from "@cation/engine/ids";
import type { LinkDown, RelayStarted } from "@cation/proto/relay/v1/relay";
import type { Clock, Timer } from "@cation/service-kit/clock";
import type { LocalTrack, LocalTracks } from "../local-tracks.ts";
import { toRelayExtensions, toRelayPayloads } from "../track-records.ts";
import type { RelayMedia } from "./relay-media.ts";
import type { RelaySink } from "./relay-sink.ts";

/** A watcher may hear of a track before its node has it in hand: how long the node waits for it. */
const APPEARANCE_DEADLINE_MS = 5_000;

export interface RelayOutgoingOptions {
  readonly trackId: string;
  readonly roomId: string;
  readonly transport: TransportHandle;
  readonly sink: RelaySink;
  readonly media: RelayMedia;
  readonly tracks: LocalTracks;
  readonly clock: Clock;
  /** An ssrc that no other stream of the link has. */
  readonly allocateSsrc: () => number;
  readonly send: (message: LinkDown) => void;
  /** The track is gone, or never came. */
  readonly onEnded: () => void;
}

/** One track on its way to another node: waits for it, announces it, forwards it unrewritten. */
export class RelayOutgoing {
  readonly #options: RelayOutgoingOptions;
  readonly #unwatch: () => void;
  #timer: Timer | undefined;
  #consumer: Consumer | undefined;
  #ssrcs: number[] = [];

  constructor(options: RelayOutgoingOptions) {
    this.#options = options;
    const { tracks, trackId } = options;
    this.#unwatch = tracks.watch(trackId, (track) => this.#changed(track));
    const present = tracks.get(trackId);
    if (present) this.#start(present);
    else this.#timer = options.clock.setTimer(APPEARANCE_DEADLINE_MS, () => options.onEnded());
  }

  get trackId(): string {
    return this.#options.trackId;
  }

  /** Forwards the track; undefined while it is awaited. */
  get consumer(): Consumer | undefined {
    return this.#consumer;
  }

  /** Its streams on the link, one for each encoding; none while it is awaited. */
  get ssrcs(): readonly number[] {
    return this.#ssrcs;
  }

  /** Whether one of these streams is this track's. */
  carries(ssrcs: readonly number[]): boolean {
    return this.#ssrcs.some((ssrc) => ssrcs.includes(ssrc));
  }

  /** Idempotent. */
  close(): void {
    this.#unwatch();
    this.#timer?.cancel();
    if (!this.#consumer) return;
    this.#options.media.closeConsumer(this.#consumer);
    this.#consumer = undefined;
    for (const ssrc of this.#ssrcs) this.#options.sink.removeVideo(ssrc);
  }

  #changed(track: LocalTrack | undefined): void {
    if (!track) this.#options.onEnded();
    else if (!this.#consumer) this.#start(track);
  }

  #start(local: LocalTrack): void {
    // Of another room: the watcher has no business with it.
    if (local.roomId !== this.#options.roomId) return this.#options.onEnded();
    const { transport, sink, media, allocateSsrc, send } = this.#options;
    this.#timer?.cancel();
    this.#ssrcs = local.params.encodings.map(() => allocateSsrc());
    if (local.params.kind === "video") for (const ssrc of this.#ssrcs) sink.addVideo(ssrc);
    // Before the first packet, which may come from inside addConsumer.
    send({ down: { $case: "started", value: describe(local, this.#ssrcs) } });
    this.#consumer = media.addConsumer(local.producer, {
      transport,
      codecs: local.params.codecs,
      extensions: local.params.extensions,
      mid: "",
      mode: "all",
      streams: this.#ssrcs.map((ssrc) => ({ ssrc, rtxSsrc: 0 })),
    });
  }
}

function describe(local: LocalTrack, ssrcs: readonly number[]): RelayStarted {
  return {
    track: local.track,
    streams: ssrcs.map((ssrc, encoding) => ({ encoding, ssrc, rtxSsrc: 0 })),
    extensions: toRelayExtensions(local.params.extensions),
    payloads: toRelayPayloads(local.params.codecs),
    viaNodeIds: [],
    publication: undefined,
  };
}
