import { directDuplex } from "@cation/cluster/rpc/direct-duplex";
import type { Duplex } from "@cation/cluster/rpc/duplex";
import { NO_HEADER_EXTENSIONS } from "@cation/engine/header-extensions";
import type { ProducerParams } from "@cation/engine/parameters";
import type { TrackId, TransportHandle } from "@cation/engine/ids";
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
import type { FakeProducer } from "../testing/fake-media.ts";
import { LINGER_MS, RelayHub } from "./relay-hub.ts";
import { RelayHubs } from "./relay-hubs.ts";
import { RelayLinkServer } from "./relay-link-server.ts";

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
      rtxPayloadType: 97,
      feedback: { nack: true, pli: true, fir: true, remb: false, transportCc: true },
    },
  ],
  extensions: { ...NO_HEADER_EXTENSIONS, mid: 4, absCaptureTime: 6 },
  encodings: ["q", "h"].map((rid) => ({ rid, ssrc: 0, rtxSsrc: 0 })),
};

let clock: VirtualClock;
let here: FakeMedia;
let there: FakeMedia;
let tracks: LocalTracks;
let server: RelayLinkServer;
let hub: RelayHub;
let duplexes: Duplex<LinkUp, LinkDown>[];
let refuse: CodedError | undefined;
let epochs: { server: number; watcher: number };
let connects: number;

beforeEach(() => {
  clock = new VirtualClock();
  here = new FakeMedia();
  there = new FakeMedia();
  tracks = new LocalTracks();
  duplexes = [];
  refuse = undefined;
  connects = 0;
  epochs = { server: 1, watcher: 1 };
  const random = { nextUint32: () => (randomState = (randomState * 1_664_525 + 1_013_904_223) >>> 0) };
  let randomState = 1;
  const logger = createLogger({ service: "sfu", level: "silent" });
  const far = { nodeId: "there", media: there, clock, random };
  server = new RelayLinkServer({
    ...far,
    hubs: new RelayHubs({ ...far, logger, connect: () => Promise.reject(new CodedError("NODE_NOT_FOUND")) }),
    tracks,
    checkEpoch: (_roomId, epoch) => {
      if (epoch < epochs.server) throw new CodedError("STALE_EPOCH");
    },
  });
  hub = new RelayHub({
    roomId: "room",
    nodeId: "here",
    media: here,
    clock,
    random,
    logger,
    connect: async () => {
      connects += 1;
      hub.noteEpoch(epochs.watcher);
      await Promise.resolve();
      if (refuse) throw refuse;
      const duplex = directDuplex(RelayServiceDefinition, "link", (end) => server.serve(end));
      duplexes.push(duplex);
      return duplex;
    },
  });
});

function publish(roomId = "room", trackId = "t1"): void {
  const params = { ...PARAMS, trackId: trackId as TrackId };
  const track = Track.fromPartial({
    trackId,
    kind: MediaKind.VIDEO,
    codecs: [{ mimeType: "video/VP8", clockRateHz: 90_000 }],
    encodings: [{ rid: "q" }, { rid: "h" }],
  });
  tracks.add({ roomId, track, params, producer: there.addProducer(params) });
}

function watch(trackId = "t1") {
  const producers: (FakeProducer | undefined)[] = [];
  const lease = hub.acquire(trackId, "there", (feed) => producers.push(feed?.producer as unknown as FakeProducer));
  return { producers, lease };
}

const settle = (ms = 10) => clock.advanceAsync(ms);

describe("a relay link", () => {
  it("makes a producer of what the other node has, with its payload types, ids and encodings", async () => {
    publish();
    const { producers } = watch();
    await settle();
    expect(producers).toHaveLength(1);
    expect(producers[0]?.params).toMatchObject({
      trackId: "t1",
      kind: "video",
      origin: "relay",
      mid: "",
      codecs: [{ payloadType: 96, mimeType: "video/VP8", rtxPayloadType: 0, feedback: { nack: false, pli: true } }],
      extensions: { ...NO_HEADER_EXTENSIONS, mid: 4, absCaptureTime: 6 },
      encodings: [{ rid: "q" }, { rid: "h" }],
    });
    const [consumer] = there.consumers;
    expect(consumer.params).toMatchObject({ mode: "all", mid: "" });
    expect(consumer.params.streams.map(({ ssrc }) => ssrc)).toEqual(
      producers[0]?.params.encodings.map(({ ssrc }) => ssrc),
    );
    expect(new Set(consumer.params.streams.map(({ ssrc }) => ssrc)).size).toBe(2);
  });

  it("carries a track once, however many watch, and stops a moment after the last", async () => {
    publish();
    const first = watch();
    await settle();
    const second = watch();
    expect(second.producers).toEqual(first.producers);
    expect(connects).toBe(1);
    first.lease.release();
    first.lease.release();
    await settle(LINGER_MS * 3);
    expect(there.consumers.size).toBe(1);
    second.lease.release();
    await settle(LINGER_MS / 2);
    const third = watch();
    await settle(LINGER_MS * 3);
    expect(third.producers).toHaveLength(1);
    third.lease.release();
    await settle(LINGER_MS * 2);
    expect(here.held).toBe(0);
    expect(there.consumers.size + there.links.size).toBe(0);
    expect(server.links.size).toBe(0);
    expect(clock.pendingTimers).toBe(0);
  });

  it("waits for a track that is not there yet", async () => {
    const { producers } = watch();
    await settle(1_000);
    expect(producers).toEqual([]);
    publish();
    await settle();
    expect(producers).toHaveLength(1);
  });

  it("asks again when the other node gave up waiting", async () => {
    const { producers } = watch();
    await settle(20_000);
    publish();
    await settle(1_500);
    expect(producers).toHaveLength(1);
    expect(connects).toBe(1);
  });

  it("ends when the track is gone, at once when the room says so", async () => {
    publish();
    const { lease } = watch();
    await settle();
    tracks.remove("t1");
    await settle();
    expect(there.consumers.size).toBe(0);
    lease.release();
    hub.forget("t1");
    await settle();
    expect(here.held).toBe(0);
    expect(server.links.size).toBe(0);
  });

  it("gives no track of another room", async () => {
    publish("secret");
    const { producers } = watch();
    await settle(3_000);
    expect(producers).toEqual([]);
    expect(there.consumers.size).toBe(0);
  });

  it("opens again after it was lost, ever more slowly, and replaces the producer", async () => {
    publish();
    const { producers } = watch();
    await settle();
    refuse = new CodedError("SFU_UNAVAILABLE");
    duplexes[0].abort();
    await settle(30_000);
    expect(connects).toBeGreaterThan(10);
    expect(connects).toBeLessThan(40);
    expect(here.producers.size).toBe(1);
    expect(there.consumers.size).toBe(0);
    refuse = undefined;
    await settle(3_000);
    expect(producers).toHaveLength(2);
    expect([...here.producers]).toEqual([producers[1]]);
    expect(producers[1]?.params.encodings[0].ssrc).not.toBe(producers[0]?.params.encodings[0].ssrc);
  });

  it("is refused with an older epoch, and comes back with the new one", async () => {
    publish();
    epochs.server = 2;
    const { producers } = watch();
    await settle(1_000);
    expect(producers).toEqual([]);
    epochs.watcher = 2;
    await settle(5_000);
    expect(producers).toHaveLength(1);
  });

  it("leaves nothing behind when both ends close", async () => {
    publish();
    watch();
    watch("t2");
    await settle();
    server.close();
    hub.close();
    await settle(10_000);
    expect(here.held).toBe(0);
    expect(there.consumers.size + there.links.size).toBe(0);
    expect(clock.pendingTimers).toBe(0);
  });
});

describe("the sending end of a link", () => {
  function open() {
    const received: LinkDown[] = [];
    let ended: CodedError | undefined | "open" = "open";
    const duplex = directDuplex(RelayServiceDefinition, "link", (end) => server.serve(end));
    duplex.onMessage = (message) => received.push(message);
    duplex.onEnd = (error) => (ended = error);
    return { duplex, received, ended: () => (ended === "open" ? ended : ended?.code) };
  }
  const hello: LinkUp = {
    up: { $case: "hello", value: { roomId: "room", epoch: 1, nodeId: "x", paths: [], instanceId: "" } },
  };

  it("ends a stream that says nothing", async () => {
    const { ended } = open();
    await settle(6_000);
    expect(ended()).toBe("REQUEST_ORDER");
    expect(server.links.size).toBe(0);
  });

  it.each([
    ["begins with a request", [{ up: { $case: "subscribe", value: { trackId: "t1", originNodeId: "" } } }]],
    ["says hello twice", [hello, hello]],
    ["begins with nothing", [{ up: undefined }]],
  ] as [string, LinkUp[]][])("ends a stream that %s", async (_name, messages) => {
    const { duplex, ended } = open();
    for (const message of messages) duplex.write(message);
    await settle();
    expect(ended()).toBe("REQUEST_ORDER");
    expect(there.links.size).toBe(0);
  });

  it("takes a track once however often it is asked for", async () => {
    publish();
    const { duplex, received } = open();
    duplex.write(hello);
    for (let i = 0; i < 3; i++)
      duplex.write({ up: { $case: "subscribe", value: { trackId: "t1", originNodeId: "" } } });
    await settle();
    expect(there.consumers.size).toBe(1);
    expect(received.map(({ down }) => down?.$case)).toEqual(["started"]);
    duplex.write({ up: { $case: "unsubscribe", value: { trackId: "t1" } } });
    await settle();
    expect(there.consumers.size).toBe(0);
    expect(received.map(({ down }) => down?.$case)).toEqual(["started", "ended"]);
    duplex.end();
    await settle();
    expect(server.links.size).toBe(0);
  });
});
