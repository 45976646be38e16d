import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { NatsEventBus } from "@cation/cluster/events/nats-event-bus";
import { subscribeRoomEvents } from "@cation/cluster/events/room-events";
import { RoomReplica } from "@cation/cluster/room-replica";
import { grpcClient } from "@cation/cluster/rpc/grpc-client";
import type { Closable } from "@cation/cluster/rpc/grpc-client";
import { GrpcServer } from "@cation/cluster/rpc/grpc-server";
import { RedisConnection } from "@cation/cluster/store/redis-connection";
import { RedisNodeRegistry } from "@cation/cluster/store/redis-node-registry";
import { RedisRoomStore } from "@cation/cluster/store/redis-room-store";
import { sorted } from "@cation/cluster/testing/records";
import { startNatsServer } from "@cation/cluster/testing/nats-server";
import type { TestNatsServer } from "@cation/cluster/testing/nats-server";
import { startRedisServer } from "@cation/cluster/testing/redis-server";
import type { TestRedisServer } from "@cation/cluster/testing/redis-server";
import { IslbServiceDefinition } from "@cation/proto/islb/v1/islb";
import type { IslbService } from "@cation/proto/islb/v1/islb";
import { LeaveReason } from "@cation/proto/state/v1/state";
import { systemClock } from "@cation/service-kit/clock";
import { createLogger } from "@cation/service-kit/logger";
import { createIslb } from "./create-islb.ts";
import type { IslbSettings } from "./islb-config.ts";
import { joinRequest, makeSettings, report, trackOf } from "./testing/islb-fixture.ts";

let redisServer: TestRedisServer;
let natsServer: TestNatsServer;
beforeAll(async () => {
  [redisServer, natsServer] = await Promise.all([startRedisServer({ persistent: true }), startNatsServer()]);
});
afterAll(() => Promise.all([redisServer.stop(), natsServer.stop()]));

/** An islb as its process would be: own connections, served over gRPC. */
interface Replica {
  readonly address: string;
  readonly events: NatsEventBus;
  close(): Promise<void>;
}

async function startReplica(settings: Partial<IslbSettings>): Promise<Replica> {
  const clock = systemClock;
  const redis = new RedisConnection({ url: redisServer.url, clock, commandTimeoutMs: 400 });
  const events = new NatsEventBus({ urls: [natsServer.url], name: "islb", clock });
  const islb = createIslb({
    config: makeSettings(settings),
    store: new RedisRoomStore(redis),
    registry: new RedisNodeRegistry(redis),
    events,
    clock,
    random: Math.random,
    logger: createLogger({ service: "islb", level: "silent" }),
  });
  const server = new GrpcServer();
  server.add(IslbServiceDefinition, islb.service);
  const port = await server.listen("127.0.0.1", 0);
  await redis.waitUntilConnected(5_000);
  await waitUntil(async () => events.connected);
  await islb.start();
  return {
    address: `127.0.0.1:${port}`,
    events,
    async close() {
      await islb.close();
      await server.close();
      await events.close();
      await redis.close();
    },
  };
}

async function waitUntil(condition: () => Promise<boolean>, timeoutMs = 20_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition().catch(() => false))) {
    if (Date.now() > deadline) throw new Error("not so in time");
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

describe("two islbs on one Redis", () => {
  const settings = {
    placement: "pinned",
    leaseMs: 1_000,
    nodeLossGraceMs: 300,
    sweepIntervalMs: 100,
    joinGraceMs: 2_000,
  } as const;
  let replicas: Replica[];
  let clients: (IslbService & Closable)[];
  beforeEach(async () => {
    const admin = new RedisConnection({ url: redisServer.url, clock: systemClock });
    await admin.waitUntilConnected(5_000);
    await admin.call("FLUSHALL");
    await admin.close();
    replicas = await Promise.all([startReplica(settings), startReplica(settings)]);
    clients = replicas.map(({ address }) => grpcClient<IslbService>(IslbServiceDefinition, address));
  });
  afterEach(async () => {
    for (const client of clients) client.close();
    await Promise.all(replicas.map((replica) => replica.close()));
  });
  const client = (i: number): IslbService => clients[i % 2] as IslbService;

  test("a hundred joins at once keep the limit, and a listener sees every change", async () => {
    await report(client(0), "n1", [], { load: undefined, capacity: undefined });
    const replica = new RoomReplica("storm");
    const read = async (): Promise<void> => void replica.applySnapshot(await client(0).getRoom({ roomId: "storm" }));
    const { room } = await client(0).join(joinRequest("storm", "first", { maxParticipants: 40 }));
    if (room) replica.applySnapshot(room);
    const bus = (replicas[0] as Replica).events;
    subscribeRoomEvents(bus, "storm", (event) => void replica.applyEvent(event));
    await bus.flush();
    const results = await Promise.allSettled(
      Array.from({ length: 100 }, (_, i) => client(i).join(joinRequest("storm", `i${i}`, { maxParticipants: 40 }))),
    );
    const refused = results.filter((result) => result.status === "rejected");
    expect(results.length - refused.length).toBe(39);
    for (const { reason } of refused) expect(reason).toMatchObject({ code: "ROOM_FULL" });
    // Events of the two come over two connections and overtake each other; none is lost here.
    await waitUntil(async () => replica.version === 40);
    expect(replica.behind).toBe(false);
    expect(replica.participantCount).toBe(40);
    const before = replica.snapshot();
    await read();
    expect(sorted(replica.snapshot())).toEqual(sorted(before));
  });

  test("the same identity from both sides leaves one participant", async () => {
    await report(client(0), "n1");
    await Promise.all(Array.from({ length: 30 }, (_, i) => client(i).join(joinRequest("same", "ann"))));
    const [first, second] = await Promise.all(
      clients.map((each) => each.getRoster({ roomId: "same", after: "", limit: 0 })),
    );
    expect(first?.participants).toHaveLength(1);
    expect(first).toEqual(second);
    expect((await client(1).getRoom({ roomId: "same" })).room?.version).toBe(59);
  });

  test("both look for lost nodes, and each participant is removed once", async () => {
    const roomIds = Array.from({ length: 10 }, (_, i) => `lost-${i}`);
    const left: string[] = [];
    const bus = (replicas[1] as Replica).events;
    await report(client(0), "n1");
    await report(client(0), "n2");
    const held = new Map<string, string>();
    const lost: string[] = [];
    for (const [i, roomId] of roomIds.entries()) {
      const onFirst = await client(i).join(joinRequest(roomId, "a", { nodeId: "n1" }));
      const onSecond = await client(i + 1).join(joinRequest(roomId, "b", { nodeId: "n2" }));
      lost.push(onFirst.participant?.participantId ?? "");
      held.set(roomId, onSecond.participant?.participantId ?? "");
      subscribeRoomEvents(bus, roomId, ({ change }) => {
        if (change?.$case !== "participantLeft") return;
        expect(change.value.reason).toBe(LeaveReason.NODE_LOST);
        left.push(change.value.participantId);
      });
    }
    await bus.flush();
    // n1 falls silent, n2 goes on.
    await waitUntil(async () => {
      const rooms = [...held].map(([roomId, id]) => ({ roomId, epoch: 0, version: 0, participantIds: [id] }));
      await report(client(left.length), "n2", rooms);
      return left.length >= roomIds.length;
    });
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(left.toSorted()).toEqual(lost.toSorted());
    expect((await client(0).getRoom({ roomId: "lost-0" })).participantCount).toBe(1);
  });

  test("Redis away for longer than leases: joins fail at once, nobody is removed, all goes on", async () => {
    await report(client(0), "n1");
    const joined = await client(0).join(joinRequest("outage", "ann"));
    const participantId = joined.participant?.participantId ?? "";
    const position = { roomId: "outage", epoch: 0, version: 0, participantIds: [participantId] };
    await redisServer.crash();
    const startedAt = Date.now();
    await expect(client(0).join(joinRequest("outage", "bob"))).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
      retryable: true,
    });
    expect(Date.now() - startedAt).toBeLessThan(1_000);
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    await redisServer.restart();
    await waitUntil(async () => {
      await report(client(0), "n1", [position]);
      await report(client(1), "n1", [position]);
      return true;
    });
    for (let i = 0; i < 8; i += 1) {
      await report(client(i), "n1", [position]);
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    const room = await client(1).getRoom({ roomId: "outage" });
    expect(room.participantCount).toBe(1);
    expect(room.room?.epoch).toBeGreaterThan(joined.room?.room?.epoch ?? 0);
    const track = trackOf(participantId, "t");
    await expect(
      client(0).publishTrack({ roomId: "outage", epoch: joined.room?.room?.epoch ?? 0, track }),
    ).rejects.toMatchObject({ code: "STALE_EPOCH" });
    await client(0).publishTrack({ roomId: "outage", epoch: room.room?.epoch ?? 0, track });
  });
});
