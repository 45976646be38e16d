import { afterAll, beforeAll, describe } from "vitest";
import { systemClock } from "@cation/service-kit/clock";
import { startRedisServer } from "../testing/redis-server.ts";
import type { TestRedisServer } from "../testing/redis-server.ts";
import { nodeRegistryContract } from "./node-registry.contract.ts";
import { RedisConnection } from "./redis-connection.ts";
import { RedisNodeRegistry } from "./redis-node-registry.ts";

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

describe("node registry in Redis", () => {
  let fixtures = 0;
  nodeRegistryContract(() => {
    fixtures += 1;
    const registry = new RedisNodeRegistry(redis, { keyPrefix: `test${fixtures}:` });
    return Promise.resolve({
      registry,
      advance: (durationMs) => new Promise((resolve) => setTimeout(resolve, durationMs)),
      close: () => registry.close(),
    });
  });
});
