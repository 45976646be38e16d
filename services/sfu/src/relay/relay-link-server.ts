import type { Duplex } from "@cation/cluster/rpc/duplex";
import type { Random } from "@cation/engine/random";
import { MediaPath } from "@cation/proto/relay/v1/relay";
import type { Keepalive, LinkDown, LinkHello, LinkUp } from "@cation/proto/relay/v1/relay";
import type { Clock, Timer } from "@cation/service-kit/clock";
import { CodedError } from "@cation/service-kit/coded-error";
import type { LocalTracks } from "../local-tracks.ts";
import { BatchPath } from "./batch-path.ts";
import { KeepaliveEcho } from "./keepalive-echo.ts";
import type { LinkPath } from "./link-path.ts";
import type { LinkTrack } from "./link-track.ts";
import type { NatsPublications } from "./nats-publications.ts";
import { PathProposal } from "./path-proposal.ts";
import type { RelayLease } from "./relay-hub.ts";
import type { RelayHubs } from "./relay-hubs.ts";
import type { RelayMedia } from "./relay-media.ts";
import { RelayOutgoing } from "./relay-outgoing.ts";
import type { RelayPaths } from "./relay-paths.ts";
import type { RelaySink } from "./relay-sink.ts";
import type { FeedListener } from "./track-feed.ts";

/** How long a new stream may take to say what it is for. */
const HELLO_DEADLINE_MS = 5_000;
/** Tracks on one link: far more than a room has. */
const MAX_TRACKS = 4_096;

export interface RelayLinkServerOptions {
  /** This node. */
  readonly nodeId: string;
  readonly media: RelayMedia;
  readonly tracks: LocalTracks;
  /** Where tracks of other nodes are had from, to pass them on. */
  readonly hubs: RelayHubs;
  readonly clock: Clock;
  readonly random: Random;
  /** Ways for media besides gRPC; without it there is none. */
  readonly paths?: RelayPaths;
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
  readonly #outgoing = new Map<string, LinkTrack>();
  #hello: LinkHello | undefined;
  #grpc: BatchPath | undefined;
  /** How tracks go that are asked for from now on. */
  #path: LinkPath | undefined;
  #proposal: PathProposal | undefined;
  /** Where tracks go that are asked for from now on, if that is the broker. */
  #publications: NatsPublications | undefined;
  readonly #echo: KeepaliveEcho;
  #closed = false;

  constructor(options: RelayLinkServerOptions, duplex: Duplex<LinkDown, LinkUp>, onClosed: () => void) {
    this.#options = options;
    this.#duplex = duplex;
    this.#onClosed = onClosed;
    this.#echo = new KeepaliveEcho(options.clock);
    this.#helloTimer = options.clock.setTimer(HELLO_DEADLINE_MS, () =>
      this.close(new CodedError("REQUEST_ORDER", "The link said nothing.")),
    );
    duplex.onMessage = (message) => this.#receive(message);
    duplex.onDrain = () => this.#grpc?.sink.drained();
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
  get outgoing(): Iterable<LinkTrack> {
    return this.#outgoing.values();
  }

  get sink(): RelaySink | undefined {
    return this.#grpc?.sink;
  }

  /** Idempotent. */
  close(error?: CodedError): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#helloTimer.cancel();
    for (const outgoing of this.#outgoing.values()) outgoing.close();
    this.#outgoing.clear();
    if (this.#path !== this.#grpc) this.#path?.close();
    this.#proposal?.close();
    this.#grpc?.close();
    if (error) this.#duplex.abort(error);
    else this.#duplex.end();
    this.#onClosed();
  }

  #receive({ up }: LinkUp): void {
    if (this.#closed) return;
    if (up?.$case === "hello") return this.#greet(up.value);
    if (!this.#grpc) return this.close(new CodedError("REQUEST_ORDER", "A link begins with hello."));
    switch (up?.$case) {
      case "subscribe":
        return this.#subscribe(up.value.trackId, up.value.originNodeId);
      case "unsubscribe":
        return this.#end(up.value.trackId);
      case "batch":
        return this.#receiveRtcp(up.value.packets);
      case "path":
        return this.#proposal?.receive(up.value);
      case "demand":
        return this.#outgoing.get(up.value.trackId)?.setDemand(up.value);
      case "keepalive":
        return this.#keepAlive(up.value);
      default:
      // From a newer release: nothing that this one has to act on.
    }
  }

  /** What the watchers say of streams on this link, and of publications. */
  #receiveRtcp(packets: Uint8Array): void {
    if (!this.#publications) return this.#grpc?.receive(packets);
    for (const outgoing of this.#outgoing.values()) outgoing.receive(packets);
  }

  #keepAlive(keepalive: Keepalive): void {
    const roundTripMs = this.#echo.read(keepalive);
    if (roundTripMs !== undefined) this.#grpc?.sink.noteRoundTrip(roundTripMs);
    this.#send({ down: { $case: "keepalive", value: this.#echo.write() } });
  }

  #greet(hello: LinkHello): void {
    const { media, clock, random, checkEpoch } = this.#options;
    if (this.#grpc) return this.close(new CodedError("REQUEST_ORDER", "A link begins with one hello."));
    try {
      checkEpoch(hello.roomId, hello.epoch);
    } catch (error) {
      return this.close(error instanceof CodedError ? error : new CodedError("INTERNAL", undefined, { cause: error }));
    }
    this.#helloTimer.cancel();
    this.#hello = hello;
    this.#grpc = new BatchPath({
      kind: MediaPath.GRPC,
      media,
      clock,
      random,
      output: { write: (packets) => this.#send({ down: { $case: "batch", value: { packets } } }) },
      onVideoLost: (ssrcs) => this.#requestKeyframes(ssrcs),
    });
    this.#path = this.#grpc;
    const { paths } = this.#options;
    if (!paths || hello.paths.length === 0) return;
    this.#proposal = new PathProposal({
      paths,
      hello,
      send: (value) => void this.#send({ down: { $case: "path", value } }),
      onChosen: (path, kind) => {
        this.#path = path ?? this.#path;
        this.#publications = kind === MediaPath.NATS ? paths.nats?.publications : undefined;
      },
      onLost: () => this.close(new CodedError("SFU_UNAVAILABLE", "Packets no longer pass between the nodes.")),
    });
  }

  #subscribe(trackId: string, originNodeId: string): void {
    const path = this.#path;
    const grpc = this.#grpc;
    if (!path || !grpc || this.#outgoing.has(trackId)) return;
    if (this.#outgoing.size >= MAX_TRACKS)
      return this.close(new CodedError("RATE_LIMITED", "Too many tracks on a link."));
    const { nodeId, media, clock } = this.#options;
    if (this.#publications) return this.#publish(this.#publications, trackId, originNodeId);
    let ended = false;
    const outgoing = new RelayOutgoing({
      trackId,
      roomId: this.roomId,
      nodeId,
      path,
      media,
      clock,
      acquire: (listener) => this.#acquire(trackId, originNodeId, listener),
      send: (message) => void this.#send(message),
      onEnded: () => {
        ended = true;
        this.#end(trackId);
      },
      onExhausted: () => this.close(new CodedError("RATE_LIMITED", "Too many streams between two workers.")),
      onVideoStreams: (ssrcs, present) => {
        if (path !== grpc) return;
        ssrcs.forEach((ssrc, encoding) => {
          if (present) grpc.sink.addVideo(ssrc, encoding);
          else grpc.sink.removeVideo(ssrc);
        });
      },
    });
    if (ended) outgoing.close();
    else this.#outgoing.set(trackId, outgoing);
  }

  #publish(publications: NatsPublications, trackId: string, originNodeId: string): void {
    let ended = false;
    const track = publications.join({
      trackId,
      roomId: this.roomId,
      acquire: (listener) => this.#acquire(trackId, originNodeId, listener),
      send: (message) => void this.#send(message),
      onEnded: () => {
        ended = true;
        this.#end(trackId);
      },
    });
    if (ended) track.close();
    else this.#outgoing.set(trackId, track);
  }

  /** A track that comes in here, or one to pass on. */
  #acquire(trackId: string, originNodeId: string, listener: FeedListener): RelayLease {
    const { nodeId, tracks, hubs } = this.#options;
    if (originNodeId !== "" && originNodeId !== nodeId && !tracks.get(trackId)) {
      // A share of its own: a publication outlives the link that it began with.
      const share = hubs.acquire(this.roomId);
      share.hub.noteEpoch(this.#hello?.epoch ?? 0);
      let isLocal = false;
      const lease = share.hub.acquire(trackId, originNodeId, (feed) => {
        if (!isLocal) listener(feed);
      });
      // Its publisher may move here.
      const unwatchLocal = tracks.watch(trackId, (local) => {
        isLocal ||= local !== undefined;
        if (isLocal) listener(local && { ...local, viaNodeIds: [] });
      });
      return {
        release: () => {
          unwatchLocal();
          lease.release();
          share.release();
        },
      };
    }
    const unwatch = tracks.watch(trackId, (local) => listener(local && { ...local, viaNodeIds: [] }));
    const present = tracks.get(trackId);
    if (present) listener({ ...present, viaNodeIds: [] });
    return { release: unwatch };
  }

  #end(trackId: string): void {
    const outgoing = this.#outgoing.get(trackId);
    this.#outgoing.delete(trackId);
    outgoing?.close();
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
}
