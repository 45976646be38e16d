import { MessageChannel } from "node:worker_threads";
import { describe, expect, test } from "vitest";
import { systemClock } from "@cation/service-kit/clock";
import { directDuplex } from "../rpc/direct-duplex.ts";
import { MessagePortConnection } from "../rpc/message-port-client.ts";
import { MessagePortServer } from "../rpc/message-port-server.ts";
import { eventBusContract } from "./event-bus.contract.ts";
import { EventBusLinkDefinition } from "./event-bus-link.ts";
import { InProcessEventBus } from "./in-process-event-bus.ts";
import { RemoteEventBus } from "./remote-event-bus.ts";
import { serveEventBus } from "./serve-event-bus.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Both ways over the ports, and once round the bus. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i += 1) await turn();
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 2_000 && !condition(); i += 1) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(condition()).toBe(true);
}

function lend(bus: InProcessEventBus) {
  const { port1, port2 } = new MessageChannel();
  const server = new MessagePortServer(port2);
  server.serveDuplex(EventBusLinkDefinition, "connect", serveEventBus(bus));
  const connection = new MessagePortConnection(port1);
  const open = () => connection.openDuplex(EventBusLinkDefinition, "connect");
  return { remote: new RemoteEventBus({ open, clock: systemClock }), connection };
}

describe("event bus of another thread", () => {
  eventBusContract(() => {
    const bus = new InProcessEventBus();
    const [a, b] = [lend(bus), lend(bus)];
    return Promise.resolve({
      a: a.remote,
      b: b.remote,
      settle,
      close: async () => {
        await Promise.all([a.remote.close(), b.remote.close(), bus.close()]);
        a.connection.close();
        b.connection.close();
      },
    });
  });

  test("hears that the bus was away", async () => {
    const bus = new InProcessEventBus({ maxWaiting: 1 });
    const { remote, connection } = lend(bus);
    let told = 0;
    remote.onReconnect(() => (told += 1));
    await settle();
    bus.publish("s", Uint8Array.of(1));
    bus.publish("s", Uint8Array.of(2));
    await settle();
    expect(told).toBe(1);
    connection.close();
    await bus.close();
  });

  test("leaves nothing subscribed when its thread is gone", async () => {
    const bus = new InProcessEventBus();
    const { remote, connection } = lend(bus);
    let calls = 0;
    remote.subscribe("s", () => (calls += 1));
    await settle();
    connection.close();
    await settle();
    bus.publish("s", Uint8Array.of(1));
    await settle();
    expect({ calls, delivered: bus.stats.delivered, connected: remote.connected }).toEqual({
      calls: 0,
      delivered: 0,
      connected: false,
    });
    await remote.close();
    await bus.close();
  });

  test("drops events for a thread that lags, and tells it once it has caught up", async () => {
    const bus = new InProcessEventBus();
    const link = directDuplex(EventBusLinkDefinition, "connect", serveEventBus(bus));
    const remote = new RemoteEventBus({ open: () => link, clock: systemClock });
    let calls = 0;
    let told = 0;
    remote.subscribe("s", () => (calls += 1));
    remote.onReconnect(() => (told += 1));
    await settle();
    link.pause();
    for (let i = 0; i < 5_000; i += 1) bus.publish("s", Uint8Array.of(1));
    await settle();
    link.resume();
    await until(() => told === 1);
    expect(calls).toBeGreaterThan(1_000);
    expect(calls).toBeLessThan(2_000);
    await remote.close();
    await bus.close();
  });

  test("opens a broken link again, subscribes again, and tells that events were missed", async () => {
    const bus = new InProcessEventBus();
    const links: { abort(): void }[] = [];
    const open = () => {
      const link = directDuplex(EventBusLinkDefinition, "connect", serveEventBus(bus));
      links.push(link);
      return link;
    };
    const remote = new RemoteEventBus({ open, clock: systemClock });
    let calls = 0;
    let told = 0;
    remote.subscribe("s", () => (calls += 1));
    remote.onReconnect(() => (told += 1));
    links[0].abort();
    await settle();
    expect(remote.connected).toBe(false);
    remote.publish("s", Uint8Array.of(1));
    await until(() => told === 1);
    remote.publish("s", Uint8Array.of(1));
    await until(() => calls === 1);
    expect(remote.stats).toMatchObject({ published: 1, publishesDropped: 1 });
    await remote.close();
    await bus.close();
  });
});
