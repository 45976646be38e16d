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
import { MediaPath, RelayServiceDefinition } from "@cation/proto/relay/v1/relay";
import type { LinkDown, LinkUp } from "@cation/proto/relay/v1/relay";
import { Track } from "@cation/proto/state/v1/state";
import { sleep, systemClock } from "@cation/service-kit/clock";
import { createLogger } from "@cation/service-kit/logger";
import type { DtlsProvider } from "@cation/webrtc/dtls";
import { StunAnswerWriter } from "@cation/webrtc/stun-message";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LocalTracks } from "../local-tracks.ts";
import { MediaWorker } from "../media-worker.ts";
import { SystemRandom } from "../system-random.ts";
import { PacketBatchWriter } from "./packet-framing.ts";
import { RelayHubs } from "./relay-hubs.ts";
import type { HubLease } from "./relay-hubs.ts";
import { RelayIngress } from "./relay-ingress.ts";
import { RelayLinkServer } from "./relay-link-server.ts";
import { RelayPaths } from "./relay-paths.ts";
import type { RelayTransport } from "./relay-paths.ts";
import { UdpPeers } from "./udp-peers.ts";

const DTLS: DtlsProvider = {
  backend: "werift",
  fingerprint: { algorithm: "sha-256", value: "00" },
  createServer: () => ({ receive: () => undefined, sendData: () => undefined, close: () => undefined }),
  close: () => undefined,
};
const SSRC = 4_711;

/** What becomes of datagrams between the nodes. */
interface Impairment {
  loss: number;
  delayMs: number;
  blocked: boolean;
}

/** A port that stands for another one, behind a bad network. */
class ImpairedPort {
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

/** The media and the relays of a node, on a real port. */
class Node {
  readonly media: MediaWorker;
  readonly tracks = new LocalTracks();
  readonly peers: UdpPeers;
  readonly links: RelayLinkServer;
  readonly lease: HubLease;
  #sequenceNumber = 0;
  readonly duplexes: Duplex<LinkUp, LinkDown>[] = [];
  #ingress: RelayIngress | undefined;

  constructor(nodeId: string, media: MediaWorker, transport: RelayTransport, addresses: string[]) {
    this.media = media;
    const random = new SystemRandom();
    const logger = createLogger({ service: "sfu", level: "silent" });
    this.peers = new UdpPeers({ media, clock: systemClock, random, addresses });
    const shared = { nodeId, media, clock: systemClock, random, paths: new RelayPaths({ transport, udp: this.peers }) };
    const hubs = new RelayHubs({
      ...shared,
      logger,
      connect: (peer) => {
        const duplex = directDuplex(RelayServiceDefinition, "link", (end) => nodes.get(peer)?.links.serve(end));
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
      packet.set([0x10, 0x10], 12);
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

let nodes: Map<string, Node>;
let ports: ImpairedPort[];
let impairment: Impairment;
let transport: RelayTransport;

async function openMedia(): Promise<MediaWorker> {
  const { io } = await openMediaIo({ host: "127.0.0.1", port: 0, tcp: false, backend: "auto", slotCount: 4096 });
  const random = new SystemRandom();
  const media = new MediaWorker({ io, dtls: DTLS, clock: systemClock, random, announcedAddresses: [], tcp: false });
  media.start();
  return media;
}

async function addNode(nodeId: string, { impaired = false } = {}): Promise<Node> {
  const media = await openMedia();
  const addresses = ["127.0.0.1"];
  if (impaired) {
    const port = await ImpairedPort.open(media.port, impairment);
    ports.push(port);
    addresses[0] = port.address;
  }
  const node = new Node(nodeId, media, transport, addresses);
  nodes.set(nodeId, node);
  return node;
}

beforeEach(() => {
  nodes = new Map();
  ports = [];
  impairment = { loss: 0, delayMs: 0, blocked: false };
  transport = "auto";
});
afterEach(async () => {
  await Promise.all([...nodes.values()].map((node) => node.close()));
  for (const port of ports) port.close();
});

async function until(holds: () => boolean, ms = 5_000): Promise<void> {
  for (const endMs = performance.now() + ms; performance.now() < endMs && !holds();) await sleep(systemClock, 5);
}

async function watch(node: Node): Promise<void> {
  node.lease.hub.acquire("t", "a", () => undefined);
  await until(() => node.lease.hub.tracks.get("t")?.feed !== undefined);
}

async function stream(from: Node, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    from.send(4);
    await sleep(systemClock, 2);
  }
}

describe("media between nodes", () => {
  it("goes by SRTP over UDP where that passes", async () => {
    const [a, b] = [await addNode("a"), await addNode("b")];
    a.publish();
    await watch(b);
    expect(b.path).toBe(MediaPath.UDP);
    await stream(a, 50);
    await until(() => b.received.packets >= 200);
    expect(b.received).toEqual({ packets: 200, lost: 0 });
    expect(a.media.io.counters().sentPackets).toBeGreaterThan(200);
  });

  it("shares one association between two workers, both ways and for all rooms", async () => {
    const [a, b] = [await addNode("a"), await addNode("b")];
    a.publish();
    const other = a.lease.hub.acquire("u", "b", () => undefined);
    await watch(b);
    await until(() => a.path === MediaPath.UDP);
    expect([...a.peers.associations]).toHaveLength(1);
    expect([...b.peers.associations]).toHaveLength(1);
    other.release();
    await stream(a, 10);
    await until(() => b.received.packets >= 40);
    expect(b.received.packets).toBe(40);
  });

  it("loses nothing with 5 % loss and 100 ms on the way: what is lost is asked for and sent again", async () => {
    const a = await addNode("a", { impaired: true });
    const b = await addNode("b", { impaired: true });
    a.publish();
    Object.assign(impairment, { delayMs: 50 });
    await watch(b);
    expect(b.path).toBe(MediaPath.UDP);
    await stream(a, 5);
    await until(() => b.received.packets >= 20);
    impairment.loss = 0.05;
    await stream(a, 150);
    impairment.loss = 0;
    await stream(a, 5);
    await until(() => b.received.packets >= 640);
    expect(ports.reduce((sum, { dropped }) => sum + dropped, 0)).toBeGreaterThan(10);
    expect(b.received.packets).toBe(640);
  });

  it("falls back to the gRPC stream within 2 s where UDP does not pass, and remembers that", async () => {
    const a = await addNode("a", { impaired: true });
    const b = await addNode("b", { impaired: true });
    impairment.blocked = true;
    a.publish();
    const startedMs = performance.now();
    await watch(b);
    expect(performance.now() - startedMs).toBeLessThan(2_000);
    expect(b.path).toBe(MediaPath.GRPC);
    await stream(a, 20);
    await until(() => b.received.packets >= 80);
    expect(b.received).toEqual({ packets: 80, lost: 0 });
    expect(b.peers.mayReach("a")).toBe(false);
  });

  it("goes by gRPC where that is wanted", async () => {
    transport = "grpc";
    const [a, b] = [await addNode("a"), await addNode("b")];
    a.publish();
    await watch(b);
    expect(b.path).toBe(MediaPath.GRPC);
    await stream(a, 20);
    await until(() => b.received.packets >= 80);
    expect(b.received).toEqual({ packets: 80, lost: 0 });
  });

  it("comes back on another path when UDP stops passing", async () => {
    const a = await addNode("a", { impaired: true });
    const b = await addNode("b", { impaired: true });
    a.publish();
    await watch(b);
    expect(b.path).toBe(MediaPath.UDP);
    await stream(a, 5);
    impairment.blocked = true;
    await until(() => b.path === MediaPath.GRPC, 8_000);
    expect(b.path).toBe(MediaPath.GRPC);
    await until(() => b.lease.hub.tracks.get("t")?.feed?.producer.closed === false);
    const before = b.received.packets;
    await stream(a, 10);
    await until(() => b.received.packets >= before + 40);
    expect(b.received.packets).toBeGreaterThanOrEqual(before + 40);
  });

  it("is agreed on anew when a link is opened again, and when a worker was started again", async () => {
    const a = await addNode("a");
    let b = await addNode("b");
    a.publish();
    await watch(b);
    b.duplexes[0].abort();
    await until(() => b.duplexes.length > 1 && b.path === MediaPath.UDP);
    await sleep(systemClock, 50);
    const before = b.received.packets;
    await stream(a, 10);
    await until(() => b.received.packets >= before + 40);
    expect(b.received.packets).toBe(before + 40);
    await b.close();
    b = await addNode("b");
    await watch(b);
    expect(b.path).toBe(MediaPath.UDP);
    await stream(a, 10);
    await until(() => b.received.packets >= 40);
    expect(b.received.packets).toBe(40);
  });
});

describe("the checks of an association", () => {
  it("answer nobody who does not know its password", async () => {
    const [a, b] = [await addNode("a"), await addNode("b")];
    a.publish();
    await watch(b);
    // The one that answers checks.
    const node = a.peers.instanceId > b.peers.instanceId ? a : b;
    const [association] = node.peers.associations;
    const socket = createSocket("udp4");
    let answers = 0;
    socket.on("message", () => (answers += 1));
    const stun = new StunAnswerWriter();
    const send = (password: string): void =>
      socket.send(
        Buffer.from(stun.request(`${association.keyId}:x`, Buffer.alloc(12, 3), password, true)),
        node.media.port,
        "127.0.0.1",
      );
    send("wrong");
    await sleep(systemClock, 100);
    expect(answers).toBe(0);
    send(association.endpoint.password);
    await until(() => answers > 0);
    expect(answers).toBe(1);
    socket.close();
    // And an authenticated stranger does not draw the media to itself.
    await stream(a, 10);
    await until(() => b.received.packets >= 40);
    expect(b.received.packets).toBe(40);
  });
});
