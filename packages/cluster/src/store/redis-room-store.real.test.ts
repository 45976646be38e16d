import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "@cation/service-kit/clock";
import { makeParticipant, makeTrack } from "../testing/records.ts";
import { startRedisServer } from "../testing/redis-server.ts";
import type { TestRedisServer } from "../testing/redis-server.ts";
import { RedisConnection } from "./redis-connection.ts";
import { RedisRoomStore } from "./redis-room-store.ts";
import { roomStoreContract } from "./room-store.contract.ts";

let server: TestRedisServer;
let redis: RedisConnection;
beforeAll(async () => {
  server = await startRedisServer();
  redis = new RedisConnection({ url: server.url, clock: systemClock });
  await redis.waitUntilConnected(5_000);
});
afterAll(async () => {
  await redis.close();
  await server.stop();
});

const sleep = (durationMs: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, durationMs));

describe("room store in Redis", () => {
  let fixtures = 0;
  roomStoreContract((options) => {
    fixtures += 1;
    const store = new RedisRoomStore(redis, { ...options, keyPrefix: `test${fixtures}:` });
    return Promise.resolve({ store, advance: sleep, close: () => store.close() });
  });

  test("two stores on one Redis are one store", async () => {
    const other = new RedisConnection({ url: server.url, clock: systemClock });
    await other.waitUntilConnected(5_000);
    const stores = [new RedisRoomStore(redis), new RedisRoomStore(other)];
    const joins = Array.from({ length: 100 }, (_, i) =>
      stores[i % 2]?.joinRoom({ roomId: "shared", participant: makeParticipant(`${i}`), maxParticipants: 30 }),
    );
    const results = await Promise.allSettled(joins);
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(30);
    const [first, second] = await Promise.all(stores.map((store) => store.readRoom("shared")));
    expect(first).toEqual(second);
    expect(first).toMatchObject({ participantCount: 30, room: { version: 30 } });
    await other.close();
  });

  test("every key of a room ends by itself", async () => {
    await redis.call("FLUSHALL");
    const store = new RedisRoomStore(redis);
    await store.joinRoom({ roomId: "r", participant: makeParticipant("a"), maxParticipants: 0 });
    await store.joinRoom({ roomId: "r", participant: makeParticipant("b"), maxParticipants: 0 });
    await store.publishTrack({ roomId: "r", epoch: 0, track: makeTrack("1", "a") });
    await store.leaveRoom({ roomId: "r", participantId: "p-b", epoch: 0, reason: 1 });
    const keys = ((await redis.call("KEYS", "*")) as Buffer[]).map(String).toSorted();
    expect(keys).toEqual(
      ["departed", "identities", "nodes", "participants", "placement", "publishers", "room", "roster", "tracks"].map(
        (name) => `cation:{r}:${name}`,
      ),
    );
    for (const key of keys) expect(Number(await redis.call("PTTL", key))).toBeGreaterThan(0);
  });

  test("a join costs the same whatever the audience", async () => {
    await redis.call("FLUSHALL");
    const store = new RedisRoomStore(redis);
    const join = (i: number) =>
      store.joinRoom({ roomId: "big", participant: makeParticipant(`${i}`), maxParticipants: 0 });
    await join(0);
    await store.publishTrack({ roomId: "big", epoch: 0, track: makeTrack("1", "0") });
    const measure = async (from: number): Promise<number> => {
      await redis.call("CONFIG", "RESETSTAT");
      for (let i = from; i < from + 300; i += 1) await join(i);
      const stats = String(await redis.call("INFO", "commandstats"));
      return Number(/cmdstat_evalsha:.*usec_per_call=([\d.]+)/.exec(stats)?.[1]);
    };
    await measure(1);
    const small = await measure(301);
    for (let i = 601; i < 5_000; i += 50) await Promise.all(Array.from({ length: 50 }, (_, j) => join(i + j)));
    const big = await measure(5_001);
    expect((await store.readRoom("big"))?.participantCount).toBeGreaterThan(5_000);
    // Server CPU of one script; a cost that grew with the room would be some thirty times higher.
    expect(big).toBeLessThan(small * 4);
  });

  test("a restarted Redis raises the epoch before anything else", async () => {
    const own = await startRedisServer({ persistent: true });
    const connection = new RedisConnection({ url: own.url, clock: systemClock });
    await connection.waitUntilConnected(5_000);
    const store = new RedisRoomStore(connection);
    const { epoch } = await store.joinRoom({ roomId: "r", participant: makeParticipant("a"), maxParticipants: 0 });
    await own.crash();
    await own.restart();
    await connection.waitUntilConnected(5_000);
    await expect(store.publishTrack({ roomId: "r", epoch, track: makeTrack("1", "a") })).rejects.toMatchObject({
      code: "STALE_EPOCH",
    });
    const snapshot = await store.readRoom("r");
    expect(snapshot?.room?.epoch).toBeGreaterThan(epoch);
    expect(snapshot?.participantCount).toBe(1);
    expect((await store.readRoom("r"))?.room?.epoch).toBe(snapshot?.room?.epoch);
    await connection.close();
    await own.stop();
  });
});
