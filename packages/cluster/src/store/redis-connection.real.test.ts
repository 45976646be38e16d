import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "@cation/service-kit/clock";
import { findFreePort, findProgram, startChild } from "../testing/child-server.ts";
import { makeParticipant } from "../testing/records.ts";
import { startRedisServer } from "../testing/redis-server.ts";
import type { TestRedisServer } from "../testing/redis-server.ts";
import { makeTestCertificates } from "../testing/test-certificates.ts";
import { RedisConnection, RedisScript } from "./redis-connection.ts";
import type { RedisConnectionOptions } from "./redis-connection.ts";
import { RedisRoomStore } from "./redis-room-store.ts";

const cleanups: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

function open(url: string, options: Partial<RedisConnectionOptions> = {}): RedisConnection {
  const connection = new RedisConnection({ url, clock: systemClock, commandTimeoutMs: 300, ...options });
  cleanups.push(() => connection.close());
  return connection;
}

async function start(options: Parameters<typeof startRedisServer>[0] = {}): Promise<TestRedisServer> {
  const server = await startRedisServer(options);
  cleanups.push(() => server.stop());
  return server;
}

async function waitFor(condition: () => Promise<boolean>, timeoutMs = 20_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition().catch(() => false))) {
    if (Date.now() > deadline) throw new Error("condition not met in time");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const answers = (connection: RedisConnection): Promise<boolean> => connection.call("PING").then(() => true);

describe("while Redis is away", () => {
  let server: TestRedisServer;
  let redis: RedisConnection;
  const events: boolean[] = [];
  beforeEach(async () => {
    events.length = 0;
    server = await start();
    redis = open(server.url, { onConnection: (connected) => events.push(connected) });
    await redis.waitUntilConnected(5_000);
  });

  test("commands fail at once after a crash, and work again after the restart", async () => {
    await redis.call("SET", "k", "v");
    await server.crash();
    await waitFor(async () => !redis.connected);
    const startedAt = Date.now();
    for (let i = 0; i < 50; i += 1) {
      await expect(redis.call("GET", "k")).rejects.toMatchObject({ code: "STORE_UNAVAILABLE", retryable: true });
    }
    expect(Date.now() - startedAt).toBeLessThan(1_000);
    await server.restart();
    await waitFor(() => answers(redis));
    expect(await redis.call("GET", "k")).toBeNull();
    expect(events[0]).toBe(true);
    expect(events.at(-1)).toBe(true);
    expect(events).toContain(false);
  });

  test("commands to a frozen server fail in time, are bounded, and nothing is sent twice", async () => {
    redis = open(server.url, { maxPendingCommands: 20 });
    await redis.waitUntilConnected(5_000);
    server.pause();
    const startedAt = Date.now();
    const waiting = Array.from({ length: 20 }, () => redis.call("INCR", "n"));
    await expect(redis.call("INCR", "n")).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    expect(Date.now() - startedAt).toBeLessThan(200);
    const results = await Promise.allSettled(waiting);
    expect(results.every(({ status }) => status === "rejected")).toBe(true);
    expect(Date.now() - startedAt).toBeLessThan(1_500);
    server.resume();
    await waitFor(() => answers(redis));
    // Those that had reached the server may have been carried out, but once at most.
    expect(Number(String(await redis.call("GET", "n")))).toBeLessThanOrEqual(20);
  });

  test("a frozen server is left for a new connection", async () => {
    server.pause();
    await expect(redis.call("PING")).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    await waitFor(async () => !redis.connected);
    server.resume();
    await waitFor(() => answers(redis));
  });
});

test("a server that is away from the beginning is found when it comes", async () => {
  const server = await start();
  await server.crash();
  const redis = open(server.url);
  await expect(redis.call("PING")).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
  await expect(redis.waitUntilConnected(100)).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
  await server.restart();
  await redis.waitUntilConnected(5_000);
  await redis.close();
  await redis.close();
  await expect(redis.call("PING")).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
});

test("a script that Redis has forgotten is sent again; a wrong one is INTERNAL", async () => {
  const server = await start();
  const redis = open(server.url);
  await redis.waitUntilConnected(5_000);
  const script = new RedisScript("return { KEYS[1], ARGV[1] }");
  expect(String(await redis.run(script, ["k"], [Buffer.from([0xff, 0])]))).toContain("k");
  await redis.call("SCRIPT", "FLUSH");
  expect(await redis.run(script, ["k"], [Buffer.from([0xff, 0])])).toEqual([Buffer.from("k"), Buffer.from([0xff, 0])]);
  await expect(redis.run(new RedisScript("return nonsense.x"), [], [])).rejects.toMatchObject({ code: "INTERNAL" });
});

test("user and password, wrong and right", async () => {
  const server = await start();
  const admin = open(server.url);
  await admin.waitUntilConnected(5_000);
  await admin.call("ACL", "SETUSER", "app", "on", ">p@ss", "~*", "+@all");
  await admin.call("ACL", "SETUSER", "default", "off");
  const wrong = open(`redis://app:no@127.0.0.1:${server.port}`);
  await expect(wrong.waitUntilConnected(500)).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
  await expect(wrong.call("PING")).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
  const right = open(`redis://app:p%40ss@127.0.0.1:${server.port}/2`);
  await right.waitUntilConnected(5_000);
  await right.call("SET", "k", "v");
  expect(String(await right.call("CLIENT", "INFO"))).toContain(" db=2 ");
});

test("TLS, with an authority of its own", async () => {
  const folder = mkdtempSync(join(tmpdir(), "cation-tls-"));
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
  const { ca, cert, key } = makeTestCertificates();
  writeFileSync(join(folder, "cert.pem"), cert);
  writeFileSync(join(folder, "key.pem"), key);
  const port = await findFreePort();
  await start({
    args: [
      ...["--tls-port", String(port), "--tls-auth-clients", "no"],
      ...["--tls-cert-file", join(folder, "cert.pem"), "--tls-key-file", join(folder, "key.pem")],
    ],
  });
  const redis = open(`rediss://127.0.0.1:${port}`, { tls: { ca } });
  await redis.waitUntilConnected(5_000);
  expect(String(await redis.call("PING"))).toBe("PONG");
  const distrustful = open(`rediss://127.0.0.1:${port}`);
  await expect(distrustful.waitUntilConnected(500)).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
});

test("sentinels lead to the new primary, and the room's epoch rises", async () => {
  const primary = await start({ args: ["--repl-diskless-sync-delay", "0"] });
  const replica = await start({ args: ["--replicaof", "127.0.0.1", String(primary.port)] });
  const port = await findFreePort();
  const folder = mkdtempSync(join(tmpdir(), "cation-sentinel-"));
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
  const config = join(folder, "sentinel.conf");
  writeFileSync(
    config,
    [
      `port ${port}`,
      "bind 127.0.0.1",
      `sentinel monitor main 127.0.0.1 ${primary.port} 1`,
      "sentinel down-after-milliseconds main 500",
      "sentinel failover-timeout main 3000",
    ].join("\n"),
  );
  const program = findProgram("redis-server", "redis-server");
  const probe = open(`redis://127.0.0.1:${port}`);
  const sentinel = await startChild(program, [config, "--sentinel"], () =>
    probe.waitUntilConnected(200).then(() => true),
  );
  cleanups.push(() => sentinel.kill());
  const redis = open(`redis-sentinel://127.0.0.1:${port}/main`);
  await redis.waitUntilConnected(5_000);
  const store = new RedisRoomStore(redis);
  const before = await store.joinRoom({ roomId: "r", participant: makeParticipant("a"), maxParticipants: 0 });
  await waitFor(async () => Number(await redis.call("WAIT", 1, 100)) === 1);
  const watcher = open(replica.url);
  await watcher.waitUntilConnected(5_000);
  // The sentinel learns of replicas every ten seconds.
  await waitFor(async () => String(await probe.call("SENTINEL", "replicas", "main")).includes(String(replica.port)));
  await primary.crash();
  // A sentinel that was held up for two seconds trusts nobody for the next thirty.
  await waitFor(async () => {
    await store.readRoom("r");
    return true;
  }, 60_000);
  const after = await store.joinRoom({ roomId: "r", participant: makeParticipant("b"), maxParticipants: 0 });
  expect(after.epoch).toBeGreaterThan(before.epoch);
  expect(after.room.participantCount).toBe(2);
}, 90_000);

test("a cluster of three keeps each room in one place", async () => {
  const nodes = await Promise.all(
    Array.from({ length: 3 }, () => start({ args: ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"] })),
  );
  const cli = findProgram("redis-cli", "redis-tools");
  const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`);
  execFileSync(cli, ["--cluster", "create", ...addresses, "--cluster-yes"], { stdio: "pipe" });
  const redis = open(`redis-cluster://${addresses.join(",")}`);
  await redis.waitUntilConnected(10_000);
  const store = new RedisRoomStore(redis);
  await waitFor(async () => {
    await store.readRoom("warm-up");
    return true;
  });
  const roomIds = Array.from({ length: 30 }, (_, i) => `room ${i}`);
  await Promise.all(
    roomIds.map((roomId) => store.joinRoom({ roomId, participant: makeParticipant("a"), maxParticipants: 0 })),
  );
  for (const roomId of roomIds) expect((await store.readRoom(roomId))?.participantCount).toBe(1);
  const sizes = await Promise.all(
    nodes.map(async ({ url }) => {
      const single = open(url);
      await single.waitUntilConnected(5_000);
      return Number(await single.call("DBSIZE"));
    }),
  );
  expect(sizes.every((size) => size > 0)).toBe(true);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(30 * 6);
}, 40_000);
