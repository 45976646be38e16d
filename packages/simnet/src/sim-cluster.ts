import type { Consumer } from "@cation/engine/consumer";
import { NO_HEADER_EXTENSIONS } from "@cation/engine/header-extensions";
import type { HeaderExtensionIds } from "@cation/engine/header-extensions";
import type { TrackId, TransportHandle } from "@cation/engine/ids";
import type { Producer } from "@cation/engine/producer";
import { LinkModel, PERFECT_LINK } from "./link-model.ts";
import type { LinkConfig } from "./link-model.ts";
import { SeededRandom } from "./seeded-random.ts";
import { PUBLISHER_EXTENSIONS, PUBLISHER_OPUS, publisherCodec, simOpus, simVideo } from "./sim-codecs.ts";
import { VIEWER_EXTENSIONS, VIEWER_OPUS, viewerCodec } from "./sim-codecs.ts";
import { SimLink } from "./sim-link.ts";
import { SimNode } from "./sim-node.ts";
import type { SimNodeOptions } from "./sim-node.ts";
import { codecOf, SimPublisher } from "./sim-publisher.ts";
import type { PublisherOptions } from "./sim-publisher.ts";
import { SimViewer } from "./sim-viewer.ts";
import type { ViewerOptions } from "./sim-viewer.ts";
import type { ViewerStream } from "./viewer-stream.ts";
import { VirtualClock } from "./virtual-clock.ts";

/** Both directions of a path; `up` is toward the node (or toward the node that watches, on a relay). */
export interface PathConfig {
  readonly up: Partial<LinkConfig>;
  readonly down: Partial<LinkConfig>;
}

interface Datagram {
  readonly bytes: Uint8Array;
}

/** A publisher on a node: its endpoint, its links, its producers. */
export interface PublisherSeat {
  readonly publisher: SimPublisher;
  readonly node: SimNode;
  readonly transport: TransportHandle;
  readonly up: SimLink<Datagram>;
  readonly down: SimLink<Datagram>;
  readonly video: Producer | undefined;
  readonly audio: Producer | undefined;
}

/** A viewer on a node. */
export interface ViewerSeat {
  readonly viewer: SimViewer;
  readonly node: SimNode;
  readonly transport: TransportHandle;
  readonly up: SimLink<Datagram>;
  readonly down: SimLink<WirePacket>;
  readonly watched: WatchedTrack[];
}

/** A track as a viewer watches it. */
export interface WatchedTrack {
  readonly consumer: Consumer;
  readonly stream: ViewerStream;
  /** The producer that it was watched from; the consumer may have another by now. */
  readonly producer: Producer;
}

/** A packet on its way to a viewer. */
export type WirePacket = Parameters<SimViewer["receive"]>[0];

/** A link between two nodes, both directions; tracks are relayed from `from` to `to`. */
export interface RelaySeat {
  readonly from: SimNode;
  readonly to: SimNode;
  readonly fromTransport: TransportHandle;
  readonly toTransport: TransportHandle;
  /** Media. */
  readonly forth: SimLink<Datagram>;
  /** Feedback. */
  readonly back: SimLink<Datagram>;
}

const RELAY_EXTENSIONS: HeaderExtensionIds = {
  ...NO_HEADER_EXTENSIONS,
  audioLevel: 14,
  absCaptureTime: 12,
  dependencyDescriptor: 11,
};
const RELAY_CODECS = {
  audio: [simOpus(100)],
  video: [simVideo("VP8", 101, 0), simVideo("VP9", 102, 0), simVideo("AV1", 103, 0)],
};

/** Nodes, publishers, viewers and links in one thread, on one clock, from one seed. */
export class SimCluster {
  readonly clock = new VirtualClock();
  readonly random: SeededRandom;
  readonly nodes: SimNode[] = [];
  readonly viewers: ViewerSeat[] = [];
  readonly publishers: PublisherSeat[] = [];
  readonly relays: RelaySeat[] = [];
  #trackCount = 0;

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
  }

  addNode(options: SimNodeOptions = {}): SimNode {
    const node = new SimNode(this.clock, this.random.fork(), options);
    this.nodes.push(node);
    return node;
  }

  /** Connects a publisher, makes its producers, and starts it. */
  addPublisher(node: SimNode, options: PublisherOptions, path: PathConfig = { up: {}, down: {} }): PublisherSeat {
    const transport = node.openTransport({ extensions: PUBLISHER_EXTENSIONS, cname: "node" }, ({ bytes }) =>
      down.send({ bytes }),
    );
    const up = this.#link<Datagram>(path.up, ({ bytes }) => node.receive(transport, bytes));
    const publisher = new SimPublisher(this.clock, this.random.fork(), options, (bytes) => up.send({ bytes }));
    const down = this.#link<Datagram>(path.down, ({ bytes }) => publisher.receive(bytes));
    const video = publisher.encodings.length > 0 ? this.#addVideo(node, transport, publisher) : undefined;
    const audio = publisher.audio === undefined ? undefined : this.#addAudio(node, transport, publisher);
    const seat = { publisher, node, transport, up, down, video, audio };
    this.publishers.push(seat);
    publisher.start();
    return seat;
  }

  /** `send` takes packets toward the viewer instead of its own link, where others share the way. */
  addViewer(
    node: SimNode,
    path: PathConfig = { up: {}, down: {} },
    options?: ViewerOptions,
    send?: (packet: WirePacket) => void,
  ): ViewerSeat {
    const transport = node.openTransport({ extensions: VIEWER_EXTENSIONS, cname: "node" }, (packet) => {
      if (send === undefined) down.send(packet);
      else send(packet);
    });
    const up = this.#link<Datagram>(path.up, ({ bytes }) => node.receive(transport, bytes));
    const viewer = new SimViewer(this.clock, (bytes) => up.send({ bytes }), options);
    const down = this.#link<WirePacket>(path.down, (packet) => viewer.receive(packet));
    const seat: ViewerSeat = { viewer, node, transport, up, down, watched: [] };
    this.viewers.push(seat);
    viewer.start();
    return seat;
  }

  /** Lets a viewer receive a producer of its node. */
  watch(seat: ViewerSeat, producer: Producer, rtx = true): WatchedTrack {
    const { kind } = producer.params;
    const name = videoCodecOf(producer);
    const codec = kind === "video" ? viewerCodec(name) : VIEWER_OPUS;
    const ssrc = this.#newSsrc();
    const rtxSsrc = kind === "video" && rtx ? this.#newSsrc() : 0;
    const stream = seat.viewer.addStream({
      kind,
      ssrc,
      rtxSsrc,
      payloadType: codec.payloadType,
      rtxPayloadType: codec.rtxPayloadType,
      nack: codec.feedback.nack,
      codec: name,
      descriptorId: VIEWER_EXTENSIONS.dependencyDescriptor,
    });
    const params = {
      transport: seat.transport,
      codecs: [rtx ? codec : { ...codec, rtxPayloadType: 0 }],
      extensions: VIEWER_EXTENSIONS,
      mid: String(seat.viewer.streams.length),
      mode: "single" as const,
      streams: [{ ssrc, rtxSsrc }],
    };
    const consumer = seat.node.engine.addConsumer(producer, params, this.clock.nowUs);
    seat.node.settle();
    const watched = { consumer, stream, producer };
    seat.watched.push(watched);
    return watched;
  }

  /** Joins two nodes. */
  connect(from: SimNode, to: SimNode, path: PathConfig = { up: {}, down: {} }): RelaySeat {
    const params = { extensions: RELAY_EXTENSIONS, cname: "relay" };
    const fromTransport = from.openTransport(params, ({ bytes }) => forth.send({ bytes }));
    const toTransport = to.openTransport(params, ({ bytes }) => back.send({ bytes }));
    const forth = this.#link<Datagram>(path.up, ({ bytes }) => to.receive(toTransport, bytes));
    const back = this.#link<Datagram>(path.down, ({ bytes }) => from.receive(fromTransport, bytes));
    const link = { from, to, fromTransport, toTransport, forth, back };
    this.relays.push(link);
    return link;
  }

  /** Brings a producer of the link's one node to the other. */
  relay(link: RelaySeat, producer: Producer): { consumer: Consumer; producer: Producer } {
    const { kind, encodings, trackId } = producer.params;
    const streams = encodings.map(() => ({ ssrc: this.#newSsrc(), rtxSsrc: 0 }));
    const name = videoCodecOf(producer);
    const codecs = RELAY_CODECS[kind].filter((codec) => kind === "audio" || codec.mimeType === `video/${name}`);
    const relayed = link.to.engine.addProducer({
      trackId,
      kind,
      origin: "relay",
      transport: link.toTransport,
      mid: "",
      codecs,
      extensions: RELAY_EXTENSIONS,
      encodings: encodings.map(({ rid }, i) => ({ rid, ssrc: streams[i].ssrc, rtxSsrc: 0 })),
    });
    const params = {
      transport: link.fromTransport,
      codecs,
      extensions: RELAY_EXTENSIONS,
      mid: "",
      mode: "all" as const,
      streams,
    };
    const consumer = link.from.engine.addConsumer(producer, params, this.clock.nowUs);
    link.from.settle();
    link.to.settle();
    return { consumer, producer: relayed };
  }

  /** Everything that was unsound anywhere. */
  check(): string[] {
    return [
      ...this.nodes.flatMap((node, i) => node.check().map((text) => `node ${i}: ${text}`)),
      ...this.viewers.flatMap(({ viewer }, i) => viewer.check().map((text) => `viewer ${i}: ${text}`)),
    ];
  }

  #addVideo(node: SimNode, transport: TransportHandle, publisher: SimPublisher): Producer {
    const { rtx, signalsSsrcs, video } = publisher.options;
    const codec = publisherCodec(codecOf(video[0]));
    return node.engine.addProducer({
      trackId: this.#newTrack(),
      kind: "video",
      origin: "local",
      transport,
      mid: "v",
      codecs: [rtx ? codec : { ...codec, rtxPayloadType: 0 }],
      extensions: PUBLISHER_EXTENSIONS,
      encodings: publisher.encodings.map(({ rid, sender }) => ({
        rid,
        ssrc: signalsSsrcs ? sender.params.ssrc : 0,
        rtxSsrc: signalsSsrcs ? sender.params.rtxSsrc : 0,
      })),
    });
  }

  #addAudio(node: SimNode, transport: TransportHandle, publisher: SimPublisher): Producer {
    const ssrc = publisher.options.signalsSsrcs ? (publisher.audio?.params.ssrc ?? 0) : 0;
    return node.engine.addProducer({
      trackId: this.#newTrack(),
      kind: "audio",
      origin: "local",
      transport,
      mid: "a",
      codecs: [PUBLISHER_OPUS],
      extensions: PUBLISHER_EXTENSIONS,
      encodings: [{ rid: "", ssrc, rtxSsrc: 0 }],
    });
  }

  #link<T extends Datagram>(change: Partial<LinkConfig>, deliver: (packet: T) => void): SimLink<T> {
    const model = new LinkModel<T>({ ...PERFECT_LINK, ...change }, this.random.fork());
    return new SimLink(this.clock, model, deliver);
  }

  #newSsrc(): number {
    return (this.random.nextUint32() | 1) >>> 0;
  }

  #newTrack(): TrackId {
    return `track-${this.#trackCount++}` as TrackId;
  }
}

function videoCodecOf(producer: Producer): "VP8" | "VP9" | "AV1" {
  const [codec] = producer.params.codecs;
  if (codec.mimeType === "video/VP9") return "VP9";
  return codec.mimeType === "video/AV1" ? "AV1" : "VP8";
}
