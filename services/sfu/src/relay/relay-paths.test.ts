import { createSocket } from "node:dgram";
import { MediaPath } from "@cation/proto/relay/v1/relay";
import { sleep, systemClock } from "@cation/service-kit/clock";
import { StunAnswerWriter } from "@cation/webrtc/stun-message";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ImpairedPort, openRelayMedia, RelayNode } from "../testing/relay-node.ts";
import type { Impairment } from "../testing/relay-node.ts";
import type { RelayTransport } from "./relay-paths.ts";

let nodes: Map<string, RelayNode>;
let ports: ImpairedPort[];
let impairment: Impairment;
let transport: RelayTransport;

async function addNode(nodeId: string, { impaired = false } = {}): Promise<RelayNode> {
  const media = await openRelayMedia();
  const addresses = ["127.0.0.1"];
  if (impaired) {
    const port = await ImpairedPort.open(media.port, impairment);
    ports.push(port);
    addresses[0] = port.address;
  }
  const node = new RelayNode({ nodeId, media, transport, addresses, find: (peer) => nodes.get(peer) });
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

async function watch(node: RelayNode): Promise<void> {
  node.lease.hub.acquire("t", "a", () => undefined);
  await until(() => node.lease.hub.tracks.get("t")?.feed !== undefined);
}

async function stream(from: RelayNode, count: number): Promise<void> {
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
