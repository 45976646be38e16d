import type { Duplex } from "@cation/cluster/rpc/duplex";
import type { ProducerParams } from "@cation/engine/parameters";
import type { Producer } from "@cation/engine/producer";
import type { TrackId, TransportHandle } from "@cation/engine/ids";
import type { Random } from "@cation/engine/random";
import type { LinkDown, LinkUp, RelayStarted } from "@cation/proto/relay/v1/relay";
import type { Encoding } from "@cation/proto/state/v1/state";
import type { Clock, Timer } from "@cation/service-kit/clock";
import { toCodedError } from "@cation/service-kit/coded-error";
import type { CodedError } from "@cation/service-kit/coded-error";
import type { Logger } from "@cation/service-kit/logger";
import { fromRelayExtensions, fromRelayPayloads, kindOf } from "../track-records.ts";
import { RelayIngress } from "./relay-ingress.ts";
import type { RelayMedia } from "./relay-media.ts";
import { RelaySink } from "./relay-sink.ts";

/** Before the first new attempt after a link was lost, and between attempts at most; spread by half. */
const MIN_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 2_000;
/** Before a track is asked for again that the other node said it does not have. */
const ENDED_RETRY_MS = 1_000;
const MAX_ENCODINGS = 8;

/** Opens a link stream to a node. Rejects when the node is not known or cannot be reached. */
export type ConnectRelay = (nodeId: string) => Promise<Duplex<LinkUp, LinkDown>>;

export interface RelayLinkClientOptions {
  readonly roomId: string;
  /** This node. */
  readonly nodeId: string;
  /** The node that has the tracks. */
  readonly peerNodeId: string;
  readonly connect: ConnectRelay;
  readonly media: RelayMedia;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** The room's epoch as this node knows it. */
  readonly readEpoch: () => number;
  /** A wanted track flows through this producer from now on; an earlier one of it is closed after the call. */
  readonly onProducer: (trackId: string, producer: Producer) => void;
}

/**
 * The receiving end of the tracks that one node sends to another in one room. Opens its stream when a track is wanted
 * and again, ever more slowly, when it is lost; producers stay meanwhile, so that their consumers keep ssrc and
 * sequence, and are replaced when the tracks flow again.
 */
export class RelayLinkClient {
  readonly #options: RelayLinkClientOptions;
  readonly #sink: RelaySink;
  readonly #ingress: RelayIngress;
  readonly #transport: TransportHandle;
  /** Wanted tracks, with their producers once they flow. */
  readonly #wanted = new Map<string, Producer | undefined>();
  readonly #retries = new Map<string, Timer>();
  #duplex: Duplex<LinkUp, LinkDown> | undefined;
  #connecting = false;
  #timer: Timer | undefined;
  #failures = 0;
  #closed = false;

  constructor(options: RelayLinkClientOptions) {
    this.#options = options;
    const { media, clock } = options;
    this.#sink = new RelaySink({
      store: media.store,
      clock,
      output: { write: (packets) => this.#send({ up: { $case: "batch", value: { packets } } }) },
      // Upwards there is RTCP only.
      onVideoLost: () => undefined,
    });
    this.#transport = media.openLink(this.#sink);
    this.#ingress = new RelayIngress({
      transport: this.#transport,
      store: media.store,
      receiver: media,
      nowUs: () => media.nowUs(),
    });
  }

  get peerNodeId(): string {
    return this.#options.peerNodeId;
  }

  /** Wanted tracks, with their producers once they flow. */
  get tracks(): ReadonlyMap<string, Producer | undefined> {
    return this.#wanted;
  }

  get ingress(): RelayIngress {
    return this.#ingress;
  }

  /** Asks for a track. Idempotent. */
  want(trackId: string): void {
    if (this.#closed || this.#wanted.has(trackId)) return;
    this.#wanted.set(trackId, undefined);
    if (this.#duplex) this.#subscribe(trackId);
    else this.#connect();
  }

  /** Stops a track and closes its producer, which by then has no consumers. Idempotent. */
  drop(trackId: string): void {
    const producer = this.#wanted.get(trackId);
    if (!this.#wanted.delete(trackId)) return;
    this.#cancelRetry(trackId);
    this.#send({ up: { $case: "unsubscribe", value: { trackId } } });
    if (producer) this.#options.media.closeProducer(producer);
  }

  /** Idempotent. */
  close(): void {
    if (this.#closed) return;
    for (const trackId of [...this.#wanted.keys()]) this.drop(trackId);
    this.#closed = true;
    this.#timer?.cancel();
    this.#sink.close();
    this.#duplex?.end();
    this.#duplex = undefined;
    this.#options.media.closeLink(this.#transport);
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
    this.#sink.reset();
    duplex.onMessage = (message) => this.#receive(message);
    duplex.onDrain = () => this.#sink.drained();
    duplex.onEnd = (error) => {
      if (this.#duplex !== duplex) return;
      this.#duplex = undefined;
      // The server finished: end our side too.
      duplex.end();
      this.#lost(error);
    };
    const { roomId, nodeId, readEpoch } = this.#options;
    this.#send({ up: { $case: "hello", value: { roomId, nodeId, epoch: readEpoch(), paths: [], instanceId: "" } } });
    for (const trackId of this.#wanted.keys()) this.#subscribe(trackId);
  }

  #lost(error: CodedError | undefined): void {
    for (const trackId of [...this.#retries.keys()]) this.#cancelRetry(trackId);
    if (this.#closed || this.#wanted.size === 0) return;
    const { clock, random, logger, peerNodeId } = this.#options;
    const backoffMs = Math.min(MIN_BACKOFF_MS * 2 ** this.#failures, MAX_BACKOFF_MS);
    const delayMs = backoffMs * (0.5 + random.nextUint32() / 2 ** 32);
    if (this.#failures === 0) logger.warn({ err: error, peerNodeId }, "relay link lost, opening it again");
    this.#failures += 1;
    this.#timer = clock.setTimer(delayMs, () => {
      this.#timer = undefined;
      this.#connect();
    });
  }

  #receive({ down }: LinkDown): void {
    if (this.#closed) return;
    switch (down?.$case) {
      case "batch":
        return this.#ingress.receive(down.value.packets);
      case "started":
        return this.#started(down.value);
      case "ended":
        return this.#ended(down.value.trackId);
      default:
      // From a newer release: nothing that this one has to act on.
    }
  }

  #started(started: RelayStarted): void {
    this.#failures = 0;
    const trackId = started.track?.trackId ?? "";
    // Unsubscribed while the answer was under way.
    if (!this.#wanted.has(trackId)) return;
    const params = toProducerParams(started, this.#transport);
    if (!params) {
      this.#options.logger.warn(
        { trackId, peerNodeId: this.peerNodeId },
        "relay announced a track that makes no sense",
      );
      return this.#ended(trackId);
    }
    const before = this.#wanted.get(trackId);
    const producer = this.#options.media.addProducer(params);
    this.#wanted.set(trackId, producer);
    this.#options.onProducer(trackId, producer);
    if (before) this.#options.media.closeProducer(before);
  }

  /** The other node does not have it (any more, or yet). Whether it is gone for good is the room's to say. */
  #ended(trackId: string): void {
    if (!this.#wanted.has(trackId) || this.#retries.has(trackId)) return;
    const timer = this.#options.clock.setTimer(ENDED_RETRY_MS, () => {
      this.#retries.delete(trackId);
      this.#subscribe(trackId);
    });
    this.#retries.set(trackId, timer);
  }

  #cancelRetry(trackId: string): void {
    this.#retries.get(trackId)?.cancel();
    this.#retries.delete(trackId);
  }

  #subscribe(trackId: string): void {
    this.#send({ up: { $case: "subscribe", value: { trackId, originNodeId: "" } } });
  }

  #send(message: LinkUp): boolean {
    return this.#duplex?.write(message) ?? false;
  }
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
    encodings: streams.map(({ encoding, ssrc }) => ({ rid: encodings[encoding]?.rid ?? "", ssrc, rtxSsrc: 0 })),
  };
}
