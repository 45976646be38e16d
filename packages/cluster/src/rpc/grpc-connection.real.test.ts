import { afterEach, describe, expect, test } from "vitest";
import { InspectResponse, SessionDown, SessionUp, SfuServiceDefinition } from "@cation/proto/sfu/v1/sfu";
import type { SfuService } from "@cation/proto/sfu/v1/sfu";
import { RelayServiceDefinition } from "@cation/proto/relay/v1/relay";
import { IslbServiceDefinition } from "@cation/proto/islb/v1/islb";
import type { IslbService } from "@cation/proto/islb/v1/islb";
import type { CodedError } from "@cation/service-kit/coded-error";
import { findFreePort } from "../testing/child-server.ts";
import { TcpProxy } from "../testing/tcp-proxy.ts";
import { makeTestCertificates } from "../testing/test-certificates.ts";
import { grpcClient, openDuplex } from "./grpc-client.ts";
import { GrpcServer } from "./grpc-server.ts";
import type { GrpcServerOptions } from "./grpc-server.ts";

const cleanups: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

interface Counted extends SfuService {
  openSessions: number;
}

function countedSfu(nodeId: string): Counted {
  const sfu: Counted = {
    openSessions: 0,
    listRooms: () => Promise.resolve({ rooms: [] }),
    drain: () => Promise.resolve({ sessions: 0 }),
    inspect: () => Promise.resolve(InspectResponse.create({ nodeId })),
    endSession: () => Promise.resolve({}),
    async *session(requests): AsyncGenerator<SessionDown> {
      sfu.openSessions += 1;
      try {
        for await (const _ of requests) yield { down: undefined };
      } finally {
        sfu.openSessions -= 1;
      }
    },
  };
  return sfu;
}

async function serve(
  sfu: SfuService,
  port = 0,
  options: GrpcServerOptions = {},
): Promise<{ server: GrpcServer; port: number }> {
  const server = new GrpcServer(options);
  cleanups.push(() => server.close());
  server.add(SfuServiceDefinition, sfu);
  return { server, port: await server.listen("127.0.0.1", port) };
}

function open(address: string, options: Parameters<typeof grpcClient>[2] = {}): ReturnType<typeof connect> {
  const client = connect(address, options);
  cleanups.push(() => client.close());
  return client;
}

function connect(address: string, options: Parameters<typeof grpcClient>[2]) {
  return grpcClient<SfuService>(SfuServiceDefinition, address, { deadlineMs: 10_000, ...options });
}

async function* ups(count = Infinity): AsyncGenerator<SessionUp> {
  for (let i = 0; i < count; i += 1) yield SessionUp.create();
  await new Promise(() => {});
}

async function* from(messages: SessionUp[]): AsyncGenerator<SessionUp> {
  yield* messages;
  await new Promise(() => {});
}

async function waitUntil(condition: () => boolean | Promise<boolean>, timeoutMs = 15_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error("not so in time");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "OK",
    (error: unknown) => (error as CodedError).code,
  );

describe("a peer that is away", () => {
  test("fails calls at once with the code of its service, and is found when it comes", async () => {
    const port = await findFreePort();
    const sfu = open(`127.0.0.1:${port}`);
    const islb = grpcClient<IslbService>(IslbServiceDefinition, `127.0.0.1:${port}`);
    cleanups.push(() => islb.close());
    const startedAt = Date.now();
    expect(await codeOf(sfu.inspect({ roomId: "" }))).toBe("SFU_UNAVAILABLE");
    expect(await codeOf(islb.listNodes({}))).toBe("ISLB_UNAVAILABLE");
    expect(Date.now() - startedAt).toBeLessThan(5_000);
    await serve(countedSfu("n"), port);
    await waitUntil(async () => (await codeOf(sfu.inspect({ roomId: "" }))) === "OK", 5_000);
  });

  test("that is restarted is reconnected; streams of before end with an error on both sides", async () => {
    const before = countedSfu("before");
    const { server, port } = await serve(before);
    const sfu = open(`127.0.0.1:${port}`);
    const stream = sfu.session(ups(1))[Symbol.asyncIterator]();
    await stream.next();
    expect(before.openSessions).toBe(1);
    await server.close();
    expect(await codeOf(stream.next())).toBe("SFU_UNAVAILABLE");
    expect((await stream.next()).done).toBe(true);
    await waitUntil(() => before.openSessions === 0);
    await serve(countedSfu("after"), port);
    await waitUntil(async () => (await codeOf(sfu.inspect({ roomId: "" }))) === "OK", 5_000);
  });

  test("of several takes the others on", async () => {
    const [a, b] = await Promise.all([serve(countedSfu("a")), serve(countedSfu("b"))]);
    const sfu = open(`127.0.0.1:${a.port},127.0.0.1:${b.port}`);
    const ask = async (): Promise<string> => (await sfu.inspect({ roomId: "" })).nodeId;
    await waitUntil(async () => new Set(await Promise.all([ask(), ask(), ask(), ask()])).size === 2);
    await a.server.close();
    await waitUntil(async () => (await codeOf(ask())) === "OK");
    for (let i = 0; i < 20; i += 1) expect(await ask()).toBe("b");
  });

  test("that is silent (no reset) is given up by keepalive, on both sides", async () => {
    const options = { keepaliveIntervalMs: 300, keepaliveTimeoutMs: 300 };
    const nodeSfu = countedSfu("n");
    const { port } = await serve(nodeSfu, 0, options);
    const proxy = await TcpProxy.start(port);
    cleanups.push(() => proxy.close());
    const sfu = open(`127.0.0.1:${proxy.port}`, options);
    const stream = sfu.session(ups(1))[Symbol.asyncIterator]();
    await stream.next();
    proxy.swallow();
    const startedAt = Date.now();
    expect(await codeOf(stream.next())).toBe("SFU_UNAVAILABLE");
    await waitUntil(() => nodeSfu.openSessions === 0);
    expect(Date.now() - startedAt).toBeLessThan(8_000);
    proxy.restore();
    await waitUntil(async () => (await codeOf(sfu.inspect({ roomId: "" }))) === "OK");
  });
});

describe("mutual TLS", () => {
  test("lets those in whom the same authority knows", async () => {
    const tls = { ...makeTestCertificates(), serverName: "localhost" };
    const { port } = await serve(countedSfu("secret"), 0, { tls });
    expect((await open(`127.0.0.1:${port}`, { tls }).inspect({ roomId: "" })).nodeId).toBe("secret");
    expect(await codeOf(open(`127.0.0.1:${port}`).inspect({ roomId: "" }))).not.toBe("OK");
    const stranger = { ...makeTestCertificates(), serverName: "localhost" };
    const trusting = { ...stranger, ca: tls.ca };
    expect(await codeOf(open(`127.0.0.1:${port}`, { tls: trusting }).inspect({ roomId: "" }))).not.toBe("OK");
    expect(await codeOf(open(`127.0.0.1:${port}`, { tls: stranger }).inspect({ roomId: "" }))).toBe("SFU_UNAVAILABLE");
    const misnamed = { ...tls, serverName: "elsewhere" };
    expect(await codeOf(open(`127.0.0.1:${port}`, { tls: misnamed }).inspect({ roomId: "" }))).toBe("SFU_UNAVAILABLE");
  });
});

test("a reader that stands still hinders none of a thousand others on the same connection", async () => {
  const big = SessionDown.fromPartial({
    down: { $case: "refused", value: { error: { code: "X", message: "x".repeat(32 * 1024), retryable: false } } },
  });
  let written = 0;
  const sfu: SfuService = {
    ...countedSfu("n"),
    async *session(requests) {
      for await (const { up } of requests) {
        if (up?.$case !== "resume") yield SessionDown.create();
        else for (;;) yield (written++, big);
      }
    },
  };
  const { port } = await serve(sfu);
  const client = open(`127.0.0.1:${port}`);
  const stuck = client.session(from([SessionUp.fromPartial({ up: { $case: "resume", value: {} } })]));
  const stuckIterator = stuck[Symbol.asyncIterator]();
  await stuckIterator.next();
  const streams = Array.from({ length: 1_000 }, () => client.session(from([SessionUp.create(), SessionUp.create()])));
  const iterators = streams.map((stream) => stream[Symbol.asyncIterator]());
  for (let i = 0; i < 2; i += 1) {
    const answers = await Promise.all(iterators.map((iterator) => iterator.next()));
    expect(answers.every(({ done }) => done === false)).toBe(true);
  }
  expect((await client.inspect({ roomId: "" })).nodeId).toBe("n");
  // What it has not read is bounded: the stream's window, and some messages in queues.
  expect(written).toBeLessThan(100);
  await Promise.all([stuckIterator, ...iterators].map((iterator) => Promise.resolve(iterator.return?.())));
});

describe("closing", () => {
  test("a client that is closed ends its calls and makes no more", async () => {
    const nodeSfu = { ...countedSfu("n"), inspect: () => new Promise<InspectResponse>(() => {}) };
    const { port } = await serve(nodeSfu);
    const sfu = open(`127.0.0.1:${port}`);
    const stream = sfu.session(ups(1))[Symbol.asyncIterator]();
    await stream.next();
    const call = codeOf(sfu.inspect({ roomId: "" }));
    sfu.close();
    expect(await call).toBe("CALL_CANCELLED");
    expect(await codeOf(stream.next())).toBe("CALL_CANCELLED");
    expect(await codeOf(sfu.inspect({ roomId: "" }))).toBe("SFU_UNAVAILABLE");
    sfu.close();
  });

  test("calls under way are bounded", async () => {
    const gate = Promise.withResolvers<InspectResponse>();
    const { port } = await serve({ ...countedSfu("n"), inspect: () => gate.promise });
    const sfu = open(`127.0.0.1:${port}`, { maxPendingCalls: 50 });
    const calls = Array.from({ length: 50 }, () => codeOf(sfu.inspect({ roomId: "" })));
    expect(await codeOf(sfu.inspect({ roomId: "" }))).toBe("SFU_UNAVAILABLE");
    gate.resolve(InspectResponse.create());
    expect(new Set(await Promise.all(calls))).toEqual(new Set(["OK"]));
    expect(await codeOf(sfu.inspect({ roomId: "" }))).toBe("OK");
  });

  test("a server that drains takes no new calls and lets those under way end", async () => {
    const nodeSfu = countedSfu("n");
    const { server, port } = await serve(nodeSfu);
    const sfu = open(`127.0.0.1:${port}`);
    const stream = sfu.session(ups(2))[Symbol.asyncIterator]();
    await stream.next();
    let drained = false;
    const draining = server.drain().then(() => (drained = true));
    expect((await stream.next()).done).toBe(false);
    await waitUntil(async () => (await codeOf(open(`127.0.0.1:${port}`).inspect({ roomId: "" }))) !== "OK");
    expect(drained).toBe(false);
    await stream.return?.();
    await draining;
    expect(nodeSfu.openSessions).toBe(0);
  });

  test("a thousand streams opened and left leave nothing behind", async () => {
    const nodeSfu = countedSfu("n");
    const { port } = await serve(nodeSfu);
    const sfu = open(`127.0.0.1:${port}`);
    for (let i = 0; i < 10; i += 1) {
      const streams = Array.from({ length: 100 }, () => sfu.session(ups(1))[Symbol.asyncIterator]());
      await Promise.all(streams.map((stream) => stream.next()));
      await Promise.all(streams.map((stream) => Promise.resolve(stream.return?.())));
    }
    await waitUntil(() => nodeSfu.openSessions === 0);
  });

  test("a port that is taken is said in words", async () => {
    const { port } = await serve(countedSfu("n"));
    await expect(serve(countedSfu("n"), port)).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  });

  test("a stream of its own closes its connection with it", async () => {
    const server = new GrpcServer();
    cleanups.push(() => server.close());
    let over = 0;
    server.serveDuplex(RelayServiceDefinition, "link", (duplex) => {
      duplex.onMessage = () => void duplex.write({ down: { $case: "ended", value: { trackId: "t" } } });
      duplex.onEnd = () => duplex.end();
      duplex.onClose = () => void (over += 1);
    });
    const port = await server.listen("127.0.0.1", 0);
    const link = openDuplex(RelayServiceDefinition, "link", `127.0.0.1:${port}`);
    const events: string[] = [];
    link.onMessage = () => {
      events.push("message");
      link.end();
    };
    link.onEnd = (error) => void events.push(`end ${error?.code}`);
    link.onClose = () => void events.push("close");
    link.write({ up: { $case: "subscribe", value: { trackId: "t", originNodeId: "" } } });
    await waitUntil(() => events.includes("close") && over === 1);
    expect(events).toEqual(["message", "end undefined", "close"]);
    const nobody = openDuplex(RelayServiceDefinition, "link", `127.0.0.1:${await findFreePort()}`);
    const failure = new Promise((resolve) => (nobody.onEnd = resolve));
    expect(await failure).toMatchObject({ code: "SFU_UNAVAILABLE" });
  });
});
