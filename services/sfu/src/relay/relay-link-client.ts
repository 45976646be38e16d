import type { Subscription } from "@cation/cluster/events/event-bus";
import type { Duplex } from "@cation/cluster/rpc/duplex";
import type { LayerDemand } from "@cation/engine/demand/demand-watcher";
import type { TrackId, TransportHandle } from "@cation/engine/ids";
import type { ProducerParams } from "@cation/engine/parameters";
import type { Producer } from "@cation/engine/producer";
import type { Random } from "@cation/engine/random";
import { MediaPath } from "@cation/proto/relay/v1/relay";
import type { LinkDown, LinkUp, RelayPublication, RelayStarted } from "@cation/proto/relay/v1/relay";
import type { Encoding } from "@cation/proto/state/v1/state";
import type { Clock, Timer } from "@cation/service-kit/clock";
import { CodedError, toCodedError } from "@cation/service-kit/coded-error";
import type { Logger } from "@cation/service-kit/logger";
import { fromRelayExtensions, fromRelayPayloads, kindOf } from "../track-records.ts";
import { BatchPath } from "./batch-path.ts";
import { KeepaliveEcho } from "./keepalive-echo.ts";
import type { LinkPath } from "./link-path.ts";
import { LinkWatchdog } from "./link-watchdog.ts";
import { PathNegotiation } from "./path-negotiation.ts";
import type { RelayIngress } from "./relay-ingress.ts";
import type { RelayMedia } from "./relay-media.ts";
import type { RelayPaths } from "./relay-paths.ts";
import { BatchOpener } from "./sealed-batches.ts";
import type { TrackFeed } from "./track-feed.ts";

/** Before the first new attempt after a link was lost, and between attempts at most; spread by half. */
const MIN_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 2_000;
/** Before a track is asked for again that the other node said it does not have. */
const ENDED_RETRY_MS = 1_000;
const MAX_ENCODINGS = 8;

/** Opens a link stream to a node. Rejects when the node is not known or cannot be reached. */
export type ConnectRelay = (nodeId: string) => Promise<Duplex<LinkUp, LinkDown>>;

/** What a link tells of its tracks. May ask for and drop tracks in turn. */
export interface RelayLinkHandler {
  /** A wanted track flows from now on; what it came from before on this link is closed after the call. */
  onFeed(trackId: string, feed: TrackFeed): void;
  /** The other node does not have it (any more, or yet), or has it from here. The link goes on asking. */
  onEnded(trackId: string): void;
  /** Nothing flows, and the link tries again; or the other end has fallen silent. */
  onTrouble(link: RelayLinkClient): void;
}

export interface RelayLinkClientOptions {
  readonly roomId: string;
  /** This node. */
  readonly nodeId: string;
  /** The node that has the tracks, or passes them on. */
  readonly peerNodeId: string;
  readonly connect: ConnectRelay;
  readonly media: RelayMedia;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Ways for media besides gRPC; without it there is none. */
  readonly paths?: RelayPaths;
  /** The room's epoch as this node knows it. */
  readonly readEpoch: () => number;
  readonly handler: RelayLinkHandler;
}

interface WantedTrack {
  readonly trackId: string;
  /** Where it comes in. */
  readonly originNodeId: string;
  feed: TrackFeed | undefined;
  /** To its publication, where it comes by a broker. */
  subscription: Subscription | undefined;
  /** How the feed comes. */
  path: LinkPath | undefined;
  retry: Timer | undefined;
}

/**
 * The receiving end of the tracks that one node sends to another in one room. Opens its stream when a track is wanted
 * and again, ever more slowly, when it is lost; producers stay meanwhile, so that their consumers keep ssrc and
 * sequence, and are replaced when the tracks flow again.
 */
export class RelayLinkClient {
  readonly #options: RelayLinkClientOptions;
  readonly #grpc: BatchPath;
  /** How tracks come that are asked for now; undefined until it is settled for the present stream. */
  #path: LinkPath | undefined;
  /** In use, besides gRPC. */
  readonly #paths = new Set<LinkPath>();
  #negotiation: PathNegotiation | undefined;
  #brokerLoss: Subscription | undefined;
  readonly #wanted = new Map<string, WantedTrack>();
  #duplex: Duplex<LinkUp, LinkDown> | undefined;
  #watchdog: LinkWatchdog | undefined;
  #echo: KeepaliveEcho;
  #connecting = false;
  #timer: Timer | undefined;
  #failures = 0;
  #closed = false;

  constructor(options: RelayLinkClientOptions) {
    this.#options = options;
    const { media, clock, random } = options;
    this.#echo = new KeepaliveEcho(clock);
    this.#grpc = new BatchPath({
      kind: MediaPath.GRPC,
      media,
      clock,
      random,
      output: { write: (packets) => this.#send({ up: { $case: "batch", value: { packets } } }) },
      // Upwards there is RTCP only.
      onVideoLost: () => undefined,
    });
  }

  get peerNodeId(): string {
    return this.#options.peerNodeId;
  }

  /** Whether the other end can be reached, as far as is known. */
  get healthy(): boolean {
    return this.#duplex !== undefined && this.#watchdog?.silent === false;
  }

  /** Whether a track comes, as far as is known. */
  delivers(trackId: string): boolean {
    const wanted = this.#wanted.get(trackId);
    return this.healthy && wanted?.feed !== undefined && !wanted.retry;
  }

  /** How packets come. */
  get path(): LinkPath | undefined {
    return this.#path;
  }

  /** Wanted tracks, with what they come from once they flow. */
  *feeds(): Iterable<[trackId: string, feed: TrackFeed | undefined]> {
    for (const { trackId, feed } of this.#wanted.values()) yield [trackId, feed];
  }

  get trackCount(): number {
    return this.#wanted.size;
  }

  get ingress(): RelayIngress {
    return this.#grpc.ingress;
  }

  /** What a wanted track comes from; undefined until it flows. */
  feedOf(trackId: string): TrackFeed | undefined {
    return this.#wanted.get(trackId)?.feed;
  }

  /** Asks for a track. Idempotent. */
  want(trackId: string, originNodeId: string): void {
    if (this.#closed || this.#wanted.has(trackId)) return;
    const wanted: WantedTrack = {
      trackId,
      originNodeId,
      feed: undefined,
      path: undefined,
      subscription: undefined,
      retry: undefined,
    };
    this.#wanted.set(trackId, wanted);
    if (!this.#duplex) this.#connect();
    else if (this.#path) this.#subscribe(wanted);
  }

  /** Stops a track and closes its producer. Idempotent. */
  drop(trackId: string): void {
    const wanted = this.#wanted.get(trackId);
    if (!wanted) return;
    this.#wanted.delete(trackId);
    wanted.retry?.cancel();
    wanted.subscription?.unsubscribe();
    this.#send({ up: { $case: "unsubscribe", value: { trackId } } });
    if (wanted.feed) this.#options.media.closeProducer(wanted.feed.producer);
    this.#closeUnusedPaths();
  }

  /** Idempotent. */
  close(): void {
    if (this.#closed) return;
    for (const trackId of [...this.#wanted.keys()]) this.drop(trackId);
    this.#closed = true;
    this.#timer?.cancel();
    this.#watchdog?.close();
    this.#negotiation?.close();
    this.#brokerLoss?.unsubscribe();
    this.#duplex?.end();
    this.#duplex = undefined;
    for (const path of this.#paths) path.close();
    this.#grpc.close();
  }

  #connect(): void {
    if (this.#connecting || this.#duplex || this.#timer || this.#closed || this.#wanted.size === 0) return;
    this.#connecting = true;
    this.#options.connect(this.#options.peerNodeId).then(
      (duplex) => this.#connected(duplex),
      (error: unknown) => {
        this.#connecting = false;
        this.#lost(toCodedError(error));
      },
    );
  }

  #connected(duplex: Duplex<LinkUp, LinkDown>): void {
    this.#connecting = false;
    if (this.#closed) return duplex.abort();
    this.#duplex = duplex;
    this.#grpc.sink.reset();
    this.#echo = new KeepaliveEcho(this.#options.clock);
    duplex.onMessage = (message) => this.#receive(message);
    duplex.onDrain = () => this.#grpc.sink.drained();
    duplex.onEnd = (error) => {
      if (this.#duplex !== duplex) return;
      this.#duplex = undefined;
      // The server finished: end our side too.
      duplex.end();
      this.#lost(error);
    };
    const { roomId, nodeId, peerNodeId, readEpoch, paths } = this.#options;
    const offer = paths?.offerTo(peerNodeId) ?? { paths: [], instanceId: "" };
    this.#send({ up: { $case: "hello", value: { roomId, nodeId, epoch: readEpoch(), ...offer } } });
    this.#watchdog = this.#watch(duplex);
    if (!paths || offer.paths.length === 0) return this.#settlePath(this.#grpc);
    this.#negotiation = new PathNegotiation({
      paths,
      peerNodeId,
      clock: this.#options.clock,
      send: (value) => void this.#send({ up: { $case: "path", value } }),
      onSettled: (path, kind) => {
        if (kind === MediaPath.NATS) this.#watchBroker(duplex);
        this.#settlePath(path ?? this.#grpc);
      },
      onLost: () => duplex.abort(new CodedError("SFU_UNAVAILABLE", "Packets no longer pass between the nodes.")),
    });
  }

  /** A broker that is lost takes the media along: the link is opened again, and finds another way. */
  #watchBroker(duplex: Duplex<LinkUp, LinkDown>): void {
    this.#brokerLoss = this.#options.paths?.nats?.broker.onLost(() =>
      duplex.abort(new CodedError("SFU_UNAVAILABLE", "The broker that carries media is away.")),
    );
  }

  /** Takes the packets of a publication, as if they came on the stream. */
  #listen(publication: RelayPublication): Subscription | undefined {
    const opener = BatchOpener.create(publication);
    const broker = this.#options.paths?.nats?.broker;
    if (!opener || !broker) return undefined;
    return broker.subscribe(publication.subject, (sealed) => {
      const packets = opener.open(sealed);
      if (packets && !this.#closed) this.#grpc.receive(packets);
    });
  }

  /** Tracks are asked for on this path from now on. */
  #settlePath(path: LinkPath): void {
    this.#path = path;
    if (path !== this.#grpc) this.#paths.add(path);
    for (const wanted of this.#wanted.values()) this.#subscribe(wanted);
  }

  /** Those of earlier streams, once no feed comes by them. */
  #closeUnusedPaths(): void {
    for (const path of [...this.#paths]) {
      if (path === this.#path || [...this.#wanted.values()].some((wanted) => wanted.path === path)) continue;
      this.#paths.delete(path);
      path.close();
    }
  }

  #watch(duplex: Duplex<LinkUp, LinkDown>): LinkWatchdog {
    return new LinkWatchdog({
      clock: this.#options.clock,
      sendKeepalive: () => this.#send({ up: { $case: "keepalive", value: this.#echo.write() } }),
      onSilent: () => this.#options.handler.onTrouble(this),
      onLost: () => duplex.abort(new CodedError("SFU_UNAVAILABLE", "The other end of the link is silent.")),
    });
  }

  #lost(error: CodedError | undefined): void {
    this.#watchdog?.close();
    this.#watchdog = undefined;
    this.#negotiation?.close();
    this.#negotiation = undefined;
    this.#brokerLoss?.unsubscribe();
    this.#path = undefined;
    this.#closeUnusedPaths();
    for (const wanted of this.#wanted.values()) cancelRetry(wanted);
    if (this.#closed || this.#wanted.size === 0) return;
    const { clock, random, logger, peerNodeId, handler } = this.#options;
    const backoffMs = Math.min(MIN_BACKOFF_MS * 2 ** this.#failures, MAX_BACKOFF_MS);
    const delayMs = backoffMs * (0.5 + random.nextUint32() / 2 ** 32);
    if (this.#failures === 0) logger.warn({ err: error, peerNodeId }, "relay link lost, opening it again");
    this.#failures += 1;
    this.#timer = clock.setTimer(delayMs, () => {
      this.#timer = undefined;
      this.#connect();
    });
    handler.onTrouble(this);
  }

  #receive({ down }: LinkDown): void {
    if (this.#closed) return;
    this.#watchdog?.heard(down?.$case === "keepalive");
    if (down?.$case === "keepalive") this.#echo.read(down.value);
    switch (down?.$case) {
      case "batch":
        return this.#grpc.receive(down.value.packets);
      case "path":
        return this.#negotiation?.receive(down.value);
      case "started":
        return this.#started(down.value);
      case "ended":
        return this.#ended(down.value.trackId);
      case "via":
        return this.#wayChanged(down.value.trackId, down.value.nodeIds);
      default:
      // A keepalive, or from a newer release: nothing that this one has to act on.
    }
  }

  #started(started: RelayStarted): void {
    this.#failures = 0;
    const trackId = started.track?.trackId ?? "";
    const wanted = this.#wanted.get(trackId);
    // Unsubscribed while the answer was under way.
    if (!wanted) return;
    const { roomId, nodeId, media, handler, logger } = this.#options;
    const path = this.#path;
    const params = path && toProducerParams(started, path.transport);
    if (!params || !started.track) {
      logger.warn({ trackId, peerNodeId: this.peerNodeId }, "relay announced a track that makes no sense");
      return this.#ended(trackId);
    }
    // It would be fed with what it feeds.
    if (started.viaNodeIds.includes(nodeId)) return this.#refuse(wanted);
    cancelRetry(wanted);
    const before = wanted.feed?.producer;
    const producer = media.addProducer(params);
    wanted.path = path;
    wanted.subscription?.unsubscribe();
    wanted.subscription = started.publication && this.#listen(started.publication);
    wanted.feed = { roomId, track: started.track, params, producer, viaNodeIds: started.viaNodeIds };
    media.watchDemand(producer, (demand) => this.#demand(trackId, producer, demand));
    handler.onFeed(trackId, wanted.feed);
    if (before) media.closeProducer(before);
    this.#closeUnusedPaths();
  }

  /** Those who take the track here, viewers and nodes, want more or less of it. */
  #demand(trackId: string, producer: Producer, { maxSpatialId, maxTemporalId }: LayerDemand): void {
    if (this.#wanted.get(trackId)?.feed?.producer !== producer) return;
    this.#send({ up: { $case: "demand", value: { trackId, maxSpatialId, maxTemporalId } } });
  }

  #wayChanged(trackId: string, viaNodeIds: readonly string[]): void {
    const wanted = this.#wanted.get(trackId);
    if (!wanted?.feed) return;
    if (viaNodeIds.includes(this.#options.nodeId)) return this.#refuse(wanted);
    wanted.feed = { ...wanted.feed, viaNodeIds };
    this.#options.handler.onFeed(trackId, wanted.feed);
  }

  /** What comes has gone through here: it is asked for again later, when its way may be another. */
  #refuse(wanted: WantedTrack): void {
    this.#send({ up: { $case: "unsubscribe", value: { trackId: wanted.trackId } } });
    this.#ended(wanted.trackId);
  }

  /** The other node does not have it (any more, or yet). Whether it is gone for good is the room's to say. */
  #ended(trackId: string): void {
    const wanted = this.#wanted.get(trackId);
    if (!wanted || wanted.retry) return;
    wanted.retry = this.#options.clock.setTimer(ENDED_RETRY_MS, () => {
      wanted.retry = undefined;
      this.#subscribe(wanted);
    });
    this.#options.handler.onEnded(trackId);
  }

  #subscribe({ trackId, originNodeId }: WantedTrack): void {
    this.#send({ up: { $case: "subscribe", value: { trackId, originNodeId } } });
  }

  #send(message: LinkUp): boolean {
    return this.#duplex?.write(message) ?? false;
  }
}

function cancelRetry(wanted: WantedTrack): void {
  wanted.retry?.cancel();
  wanted.retry = undefined;
}

/** What the other node announced, in the engine's words; undefined when it makes no sense. */
function toProducerParams(started: RelayStarted, transport: TransportHandle): ProducerParams | undefined {
  const { track, streams } = started;
  const kind = track && kindOf(track);
  const codecs = fromRelayPayloads(started.payloads);
  if (!track || !kind || codecs.length === 0 || streams.length === 0 || streams.length > MAX_ENCODINGS)
    return undefined;
  const ssrcs = streams.map(({ ssrc }) => ssrc);
  if (ssrcs.includes(0) || new Set(ssrcs).size !== ssrcs.length) return undefined;
  const encodings: readonly (Encoding | undefined)[] = track.encodings;
  return {
    trackId: track.trackId as TrackId,
    kind,
    origin: "relay",
    transport,
    mid: "",
    codecs,
    extensions: fromRelayExtensions(started.extensions),
    encodings: streams.map(({ encoding, ssrc, rtxSsrc }) => ({ rid: encodings[encoding]?.rid ?? "", ssrc, rtxSsrc })),
  };
}
