import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "@cation/service-kit/clock";
import { startNatsServer } from "../testing/nats-server.ts";
import type { TestNatsServer } from "../testing/nats-server.ts";
import { eventBusContract } from "./event-bus.contract.ts";
import { NatsEventBus } from "./nats-event-bus.ts";

let server: TestNatsServer;
beforeAll(async () => {
  server = await startNatsServer();
});
afterAll(() => server.stop());

function openBus(urls = [server.url], maxUnacknowledgedBytes?: number): NatsEventBus {
  return new NatsEventBus({
    urls,
    name: "test",
    clock: systemClock,
    ...(maxUnacknowledgedBytes !== undefined && { maxUnacknowledgedBytes }),
  });
}

async function waitUntil(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!condition() && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(condition()).toBe(true);
}

describe("event bus over NATS", () => {
  eventBusContract(async () => {
    const a = openBus();
    const b = openBus();
    await waitUntil(() => a.connected && b.connected);
    return {
      a,
      b,
      async settle() {
        // What a published is at the server after its flush, and at b after b's next one.
        await b.flush();
        await a.flush();
        await b.flush();
      },
      async close() {
        await Promise.all([a.close(), b.close()]);
      },
    };
  });

  test("starts without a server, drops what is published, and is there when the server comes", async () => {
    await server.crash();
    const bus = openBus();
    let told = 0;
    let calls = 0;
    bus.onReconnect(() => (told += 1));
    bus.subscribe("s", () => (calls += 1));
    bus.publish("s", Uint8Array.of(1));
    expect(bus.connected).toBe(false);
    expect(bus.stats.publishesDropped).toBe(1);
    await server.restart();
    await waitUntil(() => bus.connected);
    expect(told).toBe(1);
    bus.publish("s", Uint8Array.of(2));
    await waitUntil(() => calls > 0);
    expect(calls).toBe(1);
    await bus.close();
  });

  test("comes back after a crash with its subscriptions, tells so, and sends nothing late", async () => {
    const bus = openBus();
    await waitUntil(() => bus.connected);
    const seen: number[] = [];
    let told = 0;
    bus.subscribe("s", (payload) => seen.push(payload[0] ?? -1));
    bus.onReconnect(() => (told += 1));
    bus.publish("s", Uint8Array.of(1));
    await waitUntil(() => seen.length === 1);
    await server.crash();
    await waitUntil(() => !bus.connected);
    bus.publish("s", Uint8Array.of(2));
    const late: number[] = [];
    bus.subscribe("t", (payload) => late.push(payload[0] ?? -1));
    await server.restart();
    await waitUntil(() => bus.connected && told === 1);
    bus.publish("s", Uint8Array.of(3));
    bus.publish("t", Uint8Array.of(4));
    await waitUntil(() => seen.length === 2 && late.length === 1);
    expect({ seen, late }).toEqual({ seen: [1, 3], late: [4] });
    expect(bus.stats.publishesDropped).toBe(1);
    await bus.close();
  });

  test("drops rather than grow while the server does not take what is sent", async () => {
    const bus = openBus([server.url], 1024 * 1024);
    await waitUntil(() => bus.connected);
    let told = 0;
    bus.onReconnect(() => (told += 1));
    server.pause();
    for (let i = 0; i < 100; i += 1) bus.publish("s", new Uint8Array(32 * 1024));
    expect(bus.stats.published).toBe(32);
    expect(bus.stats.publishesDropped).toBe(68);
    server.resume();
    await waitUntil(() => told === 1);
    bus.publish("s", new Uint8Array(1));
    expect(bus.stats.published).toBe(33);
    await bus.close();
  });

  test("closes while the server is away", async () => {
    const bus = openBus(["nats://127.0.0.1:1"]);
    await bus.close();
    expect(bus.connected).toBe(false);
  });
});
