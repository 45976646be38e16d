import { startNatsServer } from "@cation/cluster/testing/nats-server";
import type { TestNatsServer } from "@cation/cluster/testing/nats-server";
import { MediaPath } from "@cation/proto/relay/v1/relay";
import { sleep, systemClock } from "@cation/service-kit/clock";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openRelayMedia, RelayNode } from "../testing/relay-node.ts";
import { NatsMediaBroker } from "./nats-media-broker.ts";

let nats: TestNatsServer;
let nodes: Map<string, RelayNode>;
let brokers: NatsMediaBroker[];

beforeEach(async () => {
  nats = await startNatsServer();
  nodes = new Map();
  brokers = [];
});
afterEach(async () => {
  await Promise.all([...nodes.values()].map((node) => node.close()));
  await Promise.all(brokers.map((broker) => broker.close()));
  await nats.stop();
});

async function until(holds: () => boolean, ms = 8_000): Promise<void> {
  for (const endMs = performance.now() + ms; performance.now() < endMs && !holds();) await sleep(systemClock, 5);
}

async function addNode(nodeId: string): Promise<RelayNode> {
  const broker = new NatsMediaBroker({ urls: [nats.url], clock: systemClock });
  brokers.push(broker);
  await until(() => broker.connected);
  const media = await openRelayMedia();
  const options = { nodeId, media, transport: "nats", addresses: [], broker } as const;
  const node = new RelayNode({ ...options, find: (peer) => nodes.get(peer) });
  nodes.set(nodeId, node);
  return node;
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

describe("media over NATS", () => {
  it("is published once for all nodes that watch, and comes through whole", async () => {
    const [a, b, c] = [await addNode("a"), await addNode("b"), await addNode("c")];
    a.publish();
    await watch(b);
    await watch(c);
    expect([b.path, a.publications?.size]).toEqual([MediaPath.GRPC, 1]);
    // Until the broker has heard of the subscriptions.
    await sleep(systemClock, 100);
    await stream(a, 50);
    await until(() => b.received.packets >= 200 && c.received.packets >= 200);
    expect(b.received).toEqual({ packets: 200, lost: 0 });
    expect(c.received).toEqual({ packets: 200, lost: 0 });
    expect(a.media.engine.stats().consumers).toBe(1);
    b.lease.release();
    await until(() => a.links.links.size === 1);
    const before = c.received.packets;
    await stream(a, 10);
    await until(() => c.received.packets >= before + 40);
    expect(c.received.packets).toBe(before + 40);
    c.lease.release();
    await until(() => a.publications?.size === 0);
    expect(a.media.engine.stats().consumers).toBe(0);
  });

  it("goes by gRPC while the broker is away, also when it goes away in between", async () => {
    const [a, b] = [await addNode("a"), await addNode("b")];
    a.publish();
    await watch(b);
    expect(a.publications?.size).toBe(1);
    await nats.crash();
    await until(() => a.publications?.size === 0 && b.lease.hub.tracks.get("t")?.feed?.producer.closed === false);
    await until(() => [...a.links.links].some(({ outgoing }) => [...outgoing].length > 0));
    await sleep(systemClock, 100);
    const before = b.received.packets;
    await stream(a, 20);
    await until(() => b.received.packets >= before + 80);
    expect(b.received.packets - before).toBeGreaterThanOrEqual(80);
  });
});
