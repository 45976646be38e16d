import { expect, test } from "vitest";
import { loadIslbConfig } from "./islb-config.ts";

test("defaults fit a machine with Redis and NATS on it", () => {
  expect(loadIslbConfig({})).toMatchObject({
    grpcPort: 7100,
    redisUrl: "redis://127.0.0.1:6379",
    natsUrls: ["nats://127.0.0.1:4222"],
    placement: "affinity",
    leaseMs: 2_000,
  });
});

test.each([
  [{ CATION_ISLB_PLACEMENT: "random" }, /CATION_ISLB_PLACEMENT is "random".*"affinity", "spread", "region", "pinned"/],
  [{ CATION_ISLB_LEASE_MS: "10000" }, /CATION_ISLB_LEASE_MS.*3000/],
  [{ CATION_ISLB_GRPC_KEY_FILE: "k" }, /CATION_ISLB_GRPC_CA_FILE is not set[^]*CATION_ISLB_GRPC_CERT_FILE is not set/],
  [{ CATION_ISLB_REDIS_CERT_FILE: "c" }, /CATION_ISLB_REDIS_KEY_FILE is not set/],
  [{ CATION_ISLB_REDIS_URLS: "x" }, /CATION_ISLB_REDIS_URLS is not a setting/],
])("%j is refused in words", (env, words) => {
  expect(() => loadIslbConfig(env)).toThrow(words);
});
