import type { Consumer } from "@cation/engine/consumer";
import { SendBatch } from "@cation/engine/send-batch";
import { sleep, systemClock } from "@cation/service-kit/clock";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openRelayMedia, RelayNode } from "../testing/relay-node.ts";

let nodes: Map<string, RelayNode>;
/** Nodes that cannot be reached. */
let dead: Set<string>;

beforeEach(async () => {
  nodes = new Map();
  dead = new Set();
  for (const nodeId of ["a", "b", "c", "d"]) {
    const options = { nodeId, media: await openRelayMedia(), transport: "auto", addresses: ["127.0.0.1"] } as const;
    nodes.set(nodeId, new RelayNode({ ...options, find: (peer) => (dead.has(peer) ? undefined : nodes.get(peer)) }));
  }
});
afterEach(async () => {
  await Promise.all([...nodes.values()].map((node) => node.close()));
});

const at = (nodeId: string): RelayNode => nodes.get(nodeId) as RelayNode;

function plan(parents: Record<string, string>): void {
  for (const node of nodes.values()) node.lease.hub.setPlan(new Map(Object.entries(parents)));
}

/** Somebody on a node who watches the track: its consumer, once it flows. */
function view(node: RelayNode): { consumer: Consumer | undefined } {
  const batch = new SendBatch(16);
  const transport = node.media.openLink({ batch, flush: () => (batch.count = 0) });
  const viewer: { consumer: Consumer | undefined } = { consumer: undefined };
  node.lease.hub.acquire("t", "a", (feed) => {
    if (!feed) return;
    if (viewer.consumer) return node.media.replaceProducer(viewer.consumer, feed.producer);
    const { codecs, extensions } = feed.params;
    const streams = [{ ssrc: 9, rtxSsrc: 0 }];
    viewer.consumer = node.media.addConsumer(feed.producer, {
      transport,
      codecs,
      extensions,
      mid: "",
      mode: "single",
      streams,
    });
  });
  return viewer;
}

const sentTo = (viewer: { consumer: Consumer | undefined }): number => viewer.consumer?.stats()[0]?.packets ?? 0;

/** The longest time in which a viewer got nothing, while the publisher went on. */
async function longestGap(viewer: { consumer: Consumer | undefined }, ms: number, harm: () => void): Promise<number> {
  let [last, gapMs, changedAtMs] = [sentTo(viewer), 0, performance.now()];
  harm();
  for (const endMs = performance.now() + ms; performance.now() < endMs;) {
    at("a").send(1);
    await sleep(systemClock, 5);
    const packets = sentTo(viewer);
    if (packets === last) continue;
    gapMs = Math.max(gapMs, performance.now() - changedAtMs);
    [last, changedAtMs] = [packets, performance.now()];
  }
  return Math.max(gapMs, performance.now() - changedAtMs);
}

describe("viewers fed through a node", () => {
  it("have their picture again soon after it died, and those further down keep their links", async () => {
    plan({ a: "", b: "a", c: "b", d: "c" });
    at("a").publish();
    const [c, d] = [view(at("c")), view(at("d"))];
    await longestGap(d, 1_500, () => undefined);
    expect(sentTo(d)).toBeGreaterThan(50);
    expect(at("c").lease.hub.tracks.get("t")?.upstreamNodeId).toBe("b");
    const ssrc = d.consumer?.streams[0]?.ssrc;
    const gapMs = await longestGap(d, 3_000, () => {
      dead.add("b");
      for (const duplex of [...at("c").duplexes, ...at("b").duplexes]) duplex.abort();
    });
    expect(gapMs).toBeLessThan(2_000);
    expect(at("c").lease.hub.tracks.get("t")?.upstreamNodeId).toBe("a");
    expect(at("d").lease.hub.tracks.get("t")?.upstreamNodeId).toBe("c");
    expect(d.consumer?.closed).toBe(false);
    expect(d.consumer?.streams[0]?.ssrc).toBe(ssrc);
    expect(sentTo(c)).toBeGreaterThan(200);
  });

  it("miss nothing when the plan gives them another parent and the old one lives", async () => {
    plan({ a: "", b: "a", c: "b", d: "b" });
    at("a").publish();
    const c = view(at("c"));
    await longestGap(c, 1_500, () => undefined);
    const gapMs = await longestGap(c, 2_000, () => plan({ a: "", b: "a", c: "a", d: "b" }));
    expect(at("c").lease.hub.tracks.get("t")?.upstreamNodeId).toBe("a");
    expect(gapMs).toBeLessThan(1_000);
    expect([...at("b").links.links]).toHaveLength(0);
  });
});
