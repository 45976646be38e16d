import type { Duplex } from "@cation/cluster/rpc/duplex";
import type { TransportHandle } from "@cation/engine/ids";
import type { Random } from "@cation/engine/random";
import type { LinkDown, LinkHello, LinkUp } from "@cation/proto/relay/v1/relay";
import type { Clock, Timer } from "@cation/service-kit/clock";
import { CodedError } from "@cation/service-kit/coded-error";
import type { LocalTracks } from "../local-tracks.ts";
import { RelayIngress } from "./relay-ingress.ts";
import type { RelayMedia } from "./relay-media.ts";
import { RelayOutgoing } from "./relay-outgoing.ts";
import { RelaySink } from "./relay-sink.ts";

/** How long a new stream may take to say what it is for. */
const HELLO_DEADLINE_MS = 5_000;
/** Tracks on one link: far more than a room has. */
const MAX_TRACKS = 4_096;

export interface RelayLinkServerOptions {
  readonly media: RelayMedia;
  readonly tracks: LocalTracks;
  readonly clock: Clock;
  readonly random: Random;
  /** Throws STALE_EPOCH when the watcher's epoch is older than what this node has obeyed. */
  readonly checkEpoch: (roomId: string, epoch: number) => void;
}

/** The sending end of all relay links of a node. */
export class RelayLinkServer {
  readonly #options: RelayLinkServerOptions;
  readonly #links = new Set<IncomingLink>();

  constructor(options: RelayLinkServerOptions) {
    this.#options = options;
  }

  get links(): ReadonlySet<IncomingLink> {
    return this.#links;
  }

  /** Serves one RelayService.Link stream. */
  serve(duplex: Duplex<LinkDown, LinkUp>): void {
    const link = new IncomingLink(this.#options, duplex, () => this.#links.delete(link));
    this.#links.add(link);
  }

  /** Ends all links. Idempotent. */
  close(): void {
    for (const link of [...this.#links]) link.close(new CodedError("SFU_UNAVAILABLE", "The node is going away."));
  }
}

/** A link on which another node watches tracks of this one. */
export class IncomingLink {
  readonly #options: RelayLinkServerOptions;
  readonly #duplex: Duplex<LinkDown, LinkUp>;
  readonly #onClosed: () => void;
  readonly #helloTimer: Timer;
  readonly #outgoing = new Map<string, RelayOutgoing>();
  readonly #ssrcs = new Set<number>();
  #hello: LinkHello | undefined;
  #open: { readonly transport: TransportHandle; readonly sink: RelaySink; readonly ingress: RelayIngress } | undefined;
  #closed = false;

  constructor(options: RelayLinkServerOptions, duplex: Duplex<LinkDown, LinkUp>, onClosed: () => void) {
    this.#options = options;
    this.#duplex = duplex;
    this.#onClosed = onClosed;
    this.#helloTimer = options.clock.setTimer(HELLO_DEADLINE_MS, () =>
      this.close(new CodedError("REQUEST_ORDER", "The link said nothing.")),
    );
    duplex.onMessage = (message) => this.#receive(message);
    duplex.onDrain = () => this.#open?.sink.drained();
    // The watcher finished, or is gone: the link is over either way.
    duplex.onEnd = () => this.close();
  }

  get roomId(): string {
    return this.#hello?.roomId ?? "";
  }

  /** The watching node. */
  get peerNodeId(): string {
    return this.#hello?.nodeId ?? "";
  }

  /** Tracks that flow or are awaited. */
  get outgoing(): Iterable<RelayOutgoing> {
    return this.#outgoing.values();
  }

  get sink(): RelaySink | undefined {
    return this.#open?.sink;
  }

  /** Idempotent. */
  close(error?: CodedError): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#helloTimer.cancel();
    for (const outgoing of this.#outgoing.values()) outgoing.close();
    this.#outgoing.clear();
    if (this.#open) {
      this.#open.sink.close();
      this.#options.media.closeLink(this.#open.transport);
    }
    if (error) this.#duplex.abort(error);
    else this.#duplex.end();
    this.#onClosed();
  }

  #receive({ up }: LinkUp): void {
    if (this.#closed) return;
    if (up?.$case === "hello") return this.#greet(up.value);
    if (!this.#open) return this.close(new CodedError("REQUEST_ORDER", "A link begins with hello."));
    switch (up?.$case) {
      case "subscribe":
        return this.#subscribe(up.value.trackId);
      case "unsubscribe":
        return this.#end(up.value.trackId);
      case "batch":
        return this.#open.ingress.receive(up.value.packets);
      default:
      // From a newer release: nothing that this one has to act on.
    }
  }

  #greet(hello: LinkHello): void {
    const { media, clock, checkEpoch } = this.#options;
    if (this.#open) return this.close(new CodedError("REQUEST_ORDER", "A link begins with one hello."));
    try {
      checkEpoch(hello.roomId, hello.epoch);
    } catch (error) {
      return this.close(error instanceof CodedError ? error : new CodedError("INTERNAL", undefined, { cause: error }));
    }
    this.#helloTimer.cancel();
    this.#hello = hello;
    const sink = new RelaySink({
      store: media.store,
      clock,
      output: { write: (packets) => this.#send({ down: { $case: "batch", value: { packets } } }) },
      onVideoLost: (ssrcs) => this.#requestKeyframes(ssrcs),
    });
    const transport = media.openLink(sink);
    const ingress = new RelayIngress({ transport, store: media.store, receiver: media, nowUs: () => media.nowUs() });
    this.#open = { transport, sink, ingress };
  }

  #subscribe(trackId: string): void {
    if (!this.#open || this.#outgoing.has(trackId)) return;
    if (this.#outgoing.size >= MAX_TRACKS)
      return this.close(new CodedError("RATE_LIMITED", "Too many tracks on a link."));
    const { media, tracks, clock } = this.#options;
    const { transport, sink } = this.#open;
    let ended = false;
    const outgoing = new RelayOutgoing({
      trackId,
      roomId: this.roomId,
      transport,
      sink,
      media,
      tracks,
      clock,
      allocateSsrc: () => this.#allocateSsrc(),
      send: (message) => void this.#send(message),
      onEnded: () => {
        ended = true;
        this.#end(trackId);
      },
    });
    if (ended) outgoing.close();
    else this.#outgoing.set(trackId, outgoing);
  }

  #end(trackId: string): void {
    const outgoing = this.#outgoing.get(trackId);
    this.#outgoing.delete(trackId);
    outgoing?.close();
    for (const ssrc of outgoing?.ssrcs ?? []) this.#ssrcs.delete(ssrc);
    this.#send({ down: { $case: "ended", value: { trackId } } });
  }

  #send(message: LinkDown): boolean {
    return !this.#closed && this.#duplex.write(message);
  }

  #requestKeyframes(ssrcs: readonly number[]): void {
    for (const outgoing of this.#outgoing.values()) {
      if (outgoing.carries(ssrcs)) outgoing.consumer?.requestKeyframe(this.#options.media.nowUs());
    }
  }

  #allocateSsrc(): number {
    for (;;) {
      const ssrc = this.#options.random.nextUint32();
      if (ssrc === 0 || this.#ssrcs.has(ssrc)) continue;
      this.#ssrcs.add(ssrc);
      return ssrc;
    }
  }
}
