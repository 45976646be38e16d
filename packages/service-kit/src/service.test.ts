import { expect, test } from "vitest";
import { createLogger } from "./logger.ts";
import { runService } from "./service.ts";
import type { Service } from "./service.ts";
import { VirtualClock } from "./virtual-clock.ts";

class FakeProcess {
  readonly listeners = new Map<string, (reason: unknown) => void>();
  readonly exits: number[] = [];

  on(event: string, listener: (reason: unknown) => void): void {
    this.listeners.set(event, listener);
  }

  exit(code: number): void {
    this.exits.push(code);
  }

  emit(event: string, reason?: unknown): void {
    this.listeners.get(event)?.(reason);
  }
}

function setup(overrides: Partial<Service> = {}) {
  const calls: string[] = [];
  const step = (name: string) => async () => void calls.push(name);
  const service: Service = { start: step("start"), drain: step("drain"), close: step("close"), ...overrides };
  const process = new FakeProcess();
  const clock = new VirtualClock();
  const logger = createLogger({ service: "test", level: "silent" });
  const run = () => runService({ service, logger, clock, process, drainTimeoutMs: 1000, closeTimeoutMs: 100 });
  return { calls, process, clock, run };
}

test("SIGTERM drains, closes and exits with 0", async () => {
  const { calls, process, clock, run } = setup();
  await run();
  process.emit("SIGTERM");
  await clock.advanceAsync(0);
  expect([calls, process.exits]).toEqual([["start", "drain", "close"], [0]]);
  expect(clock.pendingTimers).toBe(0);
});

test("a drain past its deadline is cut off", async () => {
  const { calls, process, clock, run } = setup({ drain: () => new Promise(() => {}) });
  await run();
  process.emit("SIGTERM");
  await clock.advanceAsync(999);
  expect(process.exits).toEqual([]);
  await clock.advanceAsync(1);
  expect([calls, process.exits]).toEqual([["start", "close"], [0]]);
});

test("a second signal does not wait for the drain", async () => {
  const { process, clock, run } = setup({ drain: () => new Promise(() => {}) });
  await run();
  process.emit("SIGINT");
  process.emit("SIGINT");
  await clock.advanceAsync(0);
  expect(process.exits).toEqual([0]);
});

test("a close that hangs ends with 1", async () => {
  const { process, clock, run } = setup({ close: () => new Promise(() => {}) });
  await run();
  process.emit("SIGTERM");
  await clock.advanceAsync(100);
  expect(process.exits).toEqual([1]);
});

test("a failed start and an uncaught error close and exit with 1", async () => {
  const failing = setup({ start: () => Promise.reject(new Error("no")) });
  await failing.run();
  expect([failing.calls, failing.process.exits]).toEqual([["close"], [1]]);
  for (const event of ["uncaughtException", "unhandledRejection"]) {
    const { calls, process, clock, run } = setup();
    await run();
    process.emit(event, new Error("bug"));
    process.emit(event, new Error("bug again"));
    await clock.advanceAsync(0);
    expect([calls, process.exits]).toEqual([["start", "close"], [1]]);
  }
});
