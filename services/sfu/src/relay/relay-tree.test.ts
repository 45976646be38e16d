import { parentsOf } from "@cation/cluster/relay-plan";
import { directDuplex } from "@cation/cluster/rpc/direct-duplex";
import type { Duplex } from "@cation/cluster/rpc/duplex";
import { NO_HEADER_EXTENSIONS } from "@cation/engine/header-extensions";
import type { TrackId, TransportHandle } from "@cation/engine/ids";
import type { ProducerParams } from "@cation/engine/parameters";
import { MediaKind } from "@cation/proto/common/v1/common";
import { RelayServiceDefinition } from "@cation/proto/relay/v1/relay";
import type { LinkDown, LinkUp } from "@cation/proto/relay/v1/relay";
import { Track } from "@cation/proto/state/v1/state";
import { CodedError } from "@cation/service-kit/coded-error";
import { createLogger } from "@cation/service-kit/logger";
import { VirtualClock } from "@cation/service-kit/virtual-clock";
import { beforeEach, describe, expect, it } from "vitest";
import { LocalTracks } from "../local-tracks.ts";
import { FakeMedia } from "../testing/fake-media.ts";
import type { FakeConsumer } from "../testing/fake-media.ts";
import type { RelayHub } from "./relay-hub.ts";
import { RelayHubs } from "./relay-hubs.ts";
import type { HubLease } from "./relay-hubs.ts";
import { RelayLinkServer } from "./relay-link-server.ts";
import type { TrackFeed } from "./track-feed.ts";

const PARAMS: ProducerParams = {
  trackId: "t1" as TrackId,
  kind: "video",
  origin: "local",
  transport: 1 as TransportHandle,
  mid: "1",
  codecs: [
    {
      payloadType: 96,
      mimeType: "video/VP8",
      clockRateHz: 90_000,
      channels: 0,
      fmtp: "",
      rtxPayloadType: 0,
      feedback: { nack: false, pli: true, fir: false, remb: false, transportCc: false },
    },
  ],
  extensions: NO_HEADER_EXTENSIONS,
  encodings: [{ rid: "", ssrc: 0, rtxSsrc: 0 }],
};

let clock: VirtualClock;
let seed: number;
let nodes: Map<string, TestNode>;
const random = { nextUint32: () => (seed = (seed * 1_664_525 + 1_013_904_223) >>> 0) };

/** The relaying part of a node. */
class TestNode {
  readonly media = new FakeMedia();
  readonly tracks = new LocalTracks();
  readonly links: RelayLinkServer;
  readonly lease: HubLease;
  readonly feeds: (TrackFeed | undefined)[] = [];
  /** What becomes of connections to it. */
  mode: "alive" | "dead" | "black hole" = "alive";
  readonly #accepted: Duplex<LinkUp, LinkDown>[] = [];

  constructor(nodeId: string) {
    const shared = { nodeId, media: this.media, clock, random };
    const logger = createLogger({ service: "sfu", level: "silent" });
    const hubs = new RelayHubs({ ...shared, logger, connect: (peer) => at(peer).accept() });
    this.links = new RelayLinkServer({ ...shared, tracks: this.tracks, hubs, checkEpoch: () => undefined });
    this.lease = hubs.acquire("room");
  }

  async accept(): Promise<Duplex<LinkUp, LinkDown>> {
    await Promise.resolve();
    if (this.mode === "dead") throw new CodedError("SFU_UNAVAILABLE");
    if (this.mode === "black hole") return new Promise(() => undefined);
    const duplex = directDuplex(RelayServiceDefinition, "link", (end) => this.links.serve(through(end, this)));
    this.#accepted.push(duplex);
    return duplex;
  }

  /** By SIGKILL: connections are reset. */
  kill(): void {
    this.mode = "dead";
    for (const duplex of this.#accepted.splice(0)) duplex.abort(new CodedError("SFU_UNAVAILABLE"));
  }

  publish(): void {
    const track = Track.fromPartial({
      trackId: "t1",
      kind: MediaKind.VIDEO,
      codecs: [{ mimeType: "video/VP8", clockRateHz: 90_000 }],
      encodings: [{}],
    });
    this.tracks.add({ roomId: "room", track, params: PARAMS, producer: this.media.addProducer(PARAMS) });
  }

  watch(origin = "a"): void {
    this.lease.hub.acquire("t1", origin, (feed) => this.feeds.push(feed));
  }

  get upstream(): string | undefined {
    return this.lease.hub.tracks.get("t1")?.upstreamNodeId;
  }

  /** What it sends to others, and to viewers. */
  get outgoing(): FakeConsumer[] {
    return [...this.media.consumers];
  }
}

/** Lets nothing through, either way, while the node is a black hole. */
function through(end: Duplex<LinkDown, LinkUp>, node: TestNode): Duplex<LinkDown, LinkUp> {
  return new Proxy(end, {
    get: (target, key) => {
      if (key === "write") return (message: LinkDown) => node.mode === "alive" && target.write(message);
      const member: unknown = Reflect.get(target, key, target);
      return typeof member === "function" ? (member.bind(target) as unknown) : member;
    },
    set: (target, key, value: unknown) => Reflect.set(target, key, value, target),
  });
}

beforeEach(() => {
  clock = new VirtualClock();
  seed = 7;
  nodes = new Map(["a", "b", "c", "d"].map((nodeId) => [nodeId, new TestNode(nodeId)]));
});

const at = (nodeId: string): TestNode => nodes.get(nodeId) as TestNode;
const settle = (ms = 60) => clock.advanceAsync(ms);
function plan(parents: Record<string, string>): void {
  const version = 1;
  const list = Object.entries(parents).map(([nodeId, parentNodeId]) => ({ nodeId, parentNodeId }));
  for (const node of nodes.values()) node.lease.hub.setPlan(parentsOf({ version, nodes: list }));
}

describe("a relay tree", () => {
  it("passes a track on from node to node, once over each link", async () => {
    plan({ a: "", b: "a", c: "b", d: "b" });
    at("a").publish();
    for (const nodeId of ["b", "c", "d"]) at(nodeId).watch();
    await settle();
    expect(at("a").outgoing).toHaveLength(1);
    expect(at("b").outgoing).toHaveLength(2);
    expect(at("d").feeds.at(-1)).toMatchObject({ viaNodeIds: ["a", "b"], params: { origin: "relay" } });
    expect(at("b").upstream).toBe("a");
  });

  it("brings a track to a node for those below it, though nobody there watches", async () => {
    plan({ a: "", b: "a", c: "b" });
    at("a").publish();
    at("c").watch();
    await settle();
    expect(at("c").feeds).toHaveLength(1);
    expect(at("b").feeds).toHaveLength(0);
    at("c").lease.release();
    await settle(1_000);
    expect(at("b").media.held).toBe(0);
    expect(at("a").outgoing).toHaveLength(0);
  });

  it("makes the new way before it breaks the old one when the plan changes", async () => {
    plan({ a: "", b: "a", c: "b" });
    at("a").publish();
    at("c").watch();
    await settle();
    const [old] = at("c").media.producers;
    const viewer = at("c").media.addConsumer(old as never, { streams: [] } as never) as unknown as FakeConsumer;
    plan({ a: "", b: "a", c: "a" });
    await settle(500);
    expect(at("c").upstream).toBe("a");
    expect(at("c").feeds).toHaveLength(2);
    // The viewer waits for its keyframe: both ways are there.
    expect(at("c").media.producers.size).toBe(2);
    viewer.producer = [...at("c").media.producers][1];
    await settle(500);
    expect(at("c").media.producers.has(old)).toBe(false);
    expect(at("b").media.held).toBe(0);
  });

  it.each([
    ["is killed", (node: TestNode): void => node.kill(), 200],
    ["falls silent", (node: TestNode): void => void (node.mode = "black hole"), 1_600],
  ] as const)("goes round a node that %s", async (_name, harm, patienceMs) => {
    plan({ a: "", b: "a", c: "b", d: "c" });
    at("a").publish();
    at("d").watch();
    at("c").watch();
    await settle();
    const passedOn = at("c").outgoing[0];
    const ssrcs = passedOn.params.streams;
    harm(at("b"));
    await settle(patienceMs);
    expect(at("c").upstream).toBe("a");
    // What hangs below keeps its link and its streams.
    expect(at("d").upstream).toBe("c");
    expect(at("c").outgoing).toEqual([passedOn]);
    expect(passedOn.params.streams).toBe(ssrcs);
    expect(passedOn.producer).toBe([...at("c").media.producers].at(-1));
    expect(at("d").feeds.at(-1)?.viaNodeIds).toEqual(["a", "c"]);
    await settle(10_000);
    expect(at("c").upstream).toBe("a");
    expect(at("d").feeds.filter((feed, i, all) => feed?.producer !== all[i - 1]?.producer)).toHaveLength(1);
  });

  it("returns to the plan's node when that one is back, later", async () => {
    plan({ a: "", b: "a", c: "b" });
    at("a").publish();
    at("c").watch();
    await settle();
    at("b").kill();
    await settle(500);
    expect(at("c").upstream).toBe("a");
    at("b").mode = "alive";
    await settle(20_000);
    expect(at("c").upstream).toBe("b");
  });

  it("asks the next node when one does not have the track, and goes on asking when nobody has it yet", async () => {
    plan({ a: "", b: "a", c: "b" });
    at("b").mode = "black hole";
    at("c").watch();
    await settle(8_000);
    expect(at("c").feeds).toHaveLength(0);
    at("a").publish();
    await settle(3_500);
    expect(at("c").upstream).toBe("a");
  });

  it("takes nothing that has gone through itself", async () => {
    plan({ a: "", b: "a", c: "b" });
    at("a").publish();
    at("b").watch();
    at("c").watch();
    await settle();
    // b has a plan from which c feeds it, and c has not heard of it.
    const nodesOfPlan = [
      { nodeId: "a", parentNodeId: "" },
      { nodeId: "b", parentNodeId: "c" },
      { nodeId: "c", parentNodeId: "a" },
    ];
    at("b").lease.hub.setPlan(parentsOf({ version: 2, nodes: nodesOfPlan }));
    await settle(5_000);
    expect(at("b").upstream).toBe("a");
    expect(at("c").upstream).toBe("b");
    at("c").lease.hub.setPlan(parentsOf({ version: 2, nodes: nodesOfPlan }));
    await settle(30_000);
    expect(at("c").upstream).toBe("a");
    expect(at("b").upstream).toBe("c");
  });

  it("comes apart again when two nodes begin to feed each other at once", async () => {
    plan({ a: "", b: "a", c: "a" });
    at("a").publish();
    at("b").watch();
    at("c").watch();
    await settle();
    const hub = (nodeId: string): RelayHub => at(nodeId).lease.hub;
    const parents = (b: string, c: string) =>
      new Map([
        ["a", ""],
        ["b", b],
        ["c", c],
      ]);
    hub("b").setPlan(parents("c", "a"));
    hub("c").setPlan(parents("a", "b"));
    await settle(3_000);
    const ways = ["b", "c"].map((nodeId) => at(nodeId).feeds.at(-1)?.viaNodeIds ?? []);
    for (const way of ways) expect(way[0]).toBe("a");
    expect([at("b").upstream, at("c").upstream]).toContain("a");
  });

  it("sends up only the layers that somebody below wants", async () => {
    plan({ a: "", b: "a", c: "b" });
    at("a").publish();
    at("c").watch();
    await settle();
    const wanted = { maxSpatialId: 0, maxTemporalId: 1 };
    const tell = (nodeId: string, demand: typeof wanted): void => {
      for (const producer of at(nodeId).media.producers) producer.onDemand?.(demand);
    };
    tell("c", wanted);
    await settle();
    expect(at("b").outgoing[0].demand).toEqual(wanted);
    expect(at("a").outgoing[0].demand).toBeUndefined();
    tell("b", { maxSpatialId: -1, maxTemporalId: -1 });
    await settle();
    expect(at("a").outgoing[0].demand).toEqual({ maxSpatialId: -1, maxTemporalId: -1 });
  });

  it("follows a track that comes in on another node", async () => {
    plan({ a: "", b: "", c: "a" });
    at("a").publish();
    at("c").watch();
    await settle();
    at("b").publish();
    at("c").lease.hub.moveOrigin("t1", "b");
    at("a").tracks.remove("t1");
    at("a").lease.hub.moveOrigin("t1", "b");
    await settle(4_000);
    expect(at("c").feeds.at(-1)?.viaNodeIds[0]).toBe("b");
  });

  it("leaves nothing behind", async () => {
    plan({ a: "", b: "a", c: "b", d: "b" });
    at("a").publish();
    for (const nodeId of ["b", "c", "d"]) at(nodeId).watch();
    await settle();
    at("b").kill();
    await settle(3_000);
    for (const node of nodes.values()) {
      node.links.close();
      node.lease.release();
    }
    await settle(10_000);
    for (const nodeId of ["b", "c", "d"]) expect(at(nodeId).media.held).toBe(0);
    expect(at("a").media.consumers.size + at("a").media.links.size).toBe(0);
    expect(clock.pendingTimers).toBe(0);
  });
});
