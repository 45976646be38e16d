import { describe, expect, test } from "vitest";
import { eventBusContract } from "./event-bus.contract.ts";
import { InProcessEventBus } from "./in-process-event-bus.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("in-process event bus", () => {
  eventBusContract(() => {
    const bus = new InProcessEventBus();
    return Promise.resolve({ a: bus, b: bus, settle: turn, close: () => bus.close() });
  });

  test("drops and counts events past its bound, and tells that some were missed", async () => {
    const bus = new InProcessEventBus({ maxWaiting: 3 });
    let calls = 0;
    let told = 0;
    bus.subscribe("s", () => (calls += 1));
    const watch = bus.onReconnect(() => (told += 1));
    for (let i = 0; i < 5; i += 1) bus.publish("s", Uint8Array.of(i));
    await turn();
    expect({ calls, told }).toEqual({ calls: 3, told: 1 });
    expect(bus.stats).toMatchObject({ published: 5, delivered: 3, deliveriesDropped: 2 });
    watch.unsubscribe();
    await bus.close();
  });

  test("delivers what waits when it closes", async () => {
    const bus = new InProcessEventBus();
    let calls = 0;
    bus.subscribe("s", () => (calls += 1));
    bus.publish("s", Uint8Array.of(1));
    await bus.close();
    expect(calls).toBe(1);
  });
});
