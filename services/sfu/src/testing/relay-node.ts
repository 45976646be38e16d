import { createSocket } from "node:dgram";
import type { Socket } from "node:dgram";
import { directDuplex } from "@cation/cluster/rpc/direct-duplex";
import type { Duplex } from "@cation/cluster/rpc/duplex";
import { NO_HEADER_EXTENSIONS } from "@cation/engine/header-extensions";
import type { TrackId } from "@cation/engine/ids";
import type { ProducerParams } from "@cation/engine/parameters";
import { SendBatch } from "@cation/engine/send-batch";
import { openMediaIo } from "@cation/media-io/open-media-io";
import { MediaKind } from "@cation/proto/common/v1/common";
import { RelayServiceDefinition } from "@cation/proto/relay/v1/relay";
import type { LinkDown, LinkUp, MediaPath } from "@cation/proto/relay/v1/relay";
import { Track } from "@cation/proto/state/v1/state";
import { systemClock } from "@cation/service-kit/clock";
import { createLogger } from "@cation/service-kit/logger";
import type { DtlsProvider } from "@cation/webrtc/dtls";
import { LocalTracks } from "../local-tracks.ts";
import { MediaWorker } from "../media-worker.ts";
import type { MediaBroker } from "../relay/media-broker.ts";
import { NatsPublications } from "../relay/nats-publications.ts";
import { PacketBatchWriter } from "../relay/packet-framing.ts";
import { RelayHubs } from "../relay/relay-hubs.ts";
import type { HubLease } from "../relay/relay-hubs.ts";
import { RelayIngress } from "../relay/relay-ingress.ts";
import { RelayLinkServer } from "../relay/relay-link-server.ts";
import { RelayPaths } from "../relay/relay-paths.ts";
import type { RelayTransport } from "../relay/relay-paths.ts";
import { UdpPeers } from "../relay/udp-peers.ts";
import { SystemRandom } from "../system-random.ts";

const DTLS: DtlsProvider = {
  backend: "werift",
  fingerprint: { algorithm: "sha-256", value: "00" },
  createServer: () => ({ receive: () => undefined, sendData: () => undefined, close: () => undefined }),
  close: () => undefined,
};
const SSRC = 4_711;

/** What becomes of datagrams between the nodes. */
export interface Impairment {
  loss: number;
  delayMs: number;
  blocked: boolean;
}

/** A port that stands for another one, behind a bad network. */
export class ImpairedPort {
  readonly #socket: Socket;
  readonly #impairment: Impairment;
  readonly #toPort: number;
  #clientPort = 0;
  #seed = 5;
  #closed = false;
  passed = 0;
  dropped = 0;

  static async open(toPort: number, impairment: Impairment): Promise<ImpairedPort> {
    const socket = createSocket("udp4");
    await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
    return new ImpairedPort(socket, toPort, impairment);
  }

  private constructor(socket: Socket, toPort: number, impairment: Impairment) {
    this.#socket = socket;
    this.#toPort = toPort;
    this.#impairment = impairment;
    socket.on("message", (bytes, { port }) => {
      if (port !== toPort) this.#clientPort = port;
      this.#pass(bytes, port === toPort ? this.#clientPort : this.#toPort);
    });
  }

  get address(): string {
    return `127.0.0.1:${this.#socket.address().port}`;
  }

  close(): void {
    this.#closed = true;
    this.#socket.close();
  }

  #pass(bytes: Buffer, port: number): void {
    this.#seed = (this.#seed * 1_664_525 + 1_013_904_223) >>> 0;
    if (this.#impairment.blocked || this.#seed / 2 ** 32 < this.#impairment.loss || port === 0) {
      this.dropped += 1;
      return;
    }
    this.passed += 1;
    const send = (): void => {
      if (!this.#closed) this.#socket.send(bytes, port, "127.0.0.1", () => undefined);
    };
    setTimeout(send, this.#impairment.delayMs);
  }
}

/** What a node is made of. */
export interface RelayNodeOptions {
  readonly nodeId: string;
  readonly media: MediaWorker;
  readonly transport: RelayTransport;
  /** Where others reach its port. */
  readonly addresses: readonly string[];
  readonly broker?: MediaBroker | undefined;
  readonly find: (nodeId: string) => RelayNode | undefined;
}

/** The media and the relays of a node, on a real port. */
export class RelayNode {
  readonly media: MediaWorker;
  readonly tracks = new LocalTracks();
  readonly peers: UdpPeers;
  readonly publications: NatsPublications | undefined;
  readonly links: RelayLinkServer;
  readonly lease: HubLease;
  #sequenceNumber = 0;
  readonly duplexes: Duplex<LinkUp, LinkDown>[] = [];
  #ingress: RelayIngress | undefined;

  constructor({ nodeId, media, transport, addresses, broker, find }: RelayNodeOptions) {
    this.media = media;
    const random = new SystemRandom();
    const logger = createLogger({ service: "sfu", level: "silent" });
    this.peers = new UdpPeers({ media, clock: systemClock, random, addresses });
    const base = { nodeId, media, clock: systemClock, random };
    const nats = broker && {
      broker,
      publications: new NatsPublications({ ...base, broker, instanceId: this.peers.instanceId }),
    };
    this.publications = nats?.publications;
    const shared = { ...base, paths: new RelayPaths({ transport, udp: this.peers, nats }) };
    const hubs = new RelayHubs({
      ...shared,
      logger,
      connect: (peer) => {
        const duplex = directDuplex(RelayServiceDefinition, "link", (end) => find(peer)?.links.serve(end));
        this.duplexes.push(duplex);
        return Promise.resolve(duplex);
      },
    });
    this.links = new RelayLinkServer({ ...shared, tracks: this.tracks, hubs, checkEpoch: () => undefined });
    this.lease = hubs.acquire("room");
  }

  publish(): void {
    const transport = this.media.openLink({ batch: new SendBatch(16), flush: () => undefined });
    const feedback = { nack: false, pli: true, fir: false, remb: false, transportCc: false };
    const codec = { mimeType: "video/VP8", clockRateHz: 90_000, channels: 0, fmtp: "" };
    const params: ProducerParams = {
      trackId: "t" as TrackId,
      kind: "video",
      origin: "local",
      transport,
      mid: "",
      codecs: [{ ...codec, payloadType: 96, rtxPayloadType: 0, feedback }],
      extensions: NO_HEADER_EXTENSIONS,
      encodings: [{ rid: "", ssrc: SSRC, rtxSsrc: 0 }],
    };
    const track = Track.fromPartial({ trackId: "t", kind: MediaKind.VIDEO, codecs: [codec], encodings: [{}] });
    this.tracks.add({ roomId: "room", track, params, producer: this.media.addProducer(params) });
    const { media } = this;
    this.#ingress = new RelayIngress({ transport, store: media.store, receiver: media, nowUs: () => media.nowUs() });
  }

  /** So many packets of VP8, each a keyframe of its own. */
  send(count: number): void {
    const writer = new PacketBatchWriter();
    for (let i = 0; i < count; i++) {
      const packet = Buffer.alloc(400, 7);
      packet.writeUInt16BE(0x80_e0, 0);
      packet.writeUInt16BE((this.#sequenceNumber += 1), 2);
      packet.writeUInt32BE(this.#sequenceNumber * 3_000, 4);
      packet.writeUInt32BE(SSRC, 8);
      packet.set([0x10, 0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x40, 1, 0xb4, 0], 12);
      writer.append(packet, 0, 0, packet, 0, packet.length);
    }
    this.#ingress?.receive(writer.take());
  }

  /** Packets of the relayed track that have come, those sent again included. */
  get received(): { packets: number; lost: number } {
    const feed = this.lease.hub.tracks.get("t")?.feed;
    const stats = feed?.producer.stats(this.media.nowUs())[0];
    return { packets: stats?.packets ?? 0, lost: stats?.lostPackets ?? 0 };
  }

  get path(): MediaPath | undefined {
    return [...this.lease.hub.links.values()][0]?.path?.kind;
  }

  async close(): Promise<void> {
    this.links.close();
    this.lease.release();
    this.peers.close();
    await this.media.close();
  }
}

/** A worker's media on a free port of loopback. */
export async function openRelayMedia(): Promise<MediaWorker> {
  const { io } = await openMediaIo({ host: "127.0.0.1", port: 0, tcp: false, backend: "auto", slotCount: 4096 });
  const random = new SystemRandom();
  const media = new MediaWorker({ io, dtls: DTLS, clock: systemClock, random, announcedAddresses: [], tcp: false });
  media.start();
  return media;
}
