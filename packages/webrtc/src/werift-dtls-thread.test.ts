import { EventEmitter } from "node:events";
import type { Worker } from "node:worker_threads";
import { expect, it } from "vitest";
import { createDtlsCertificate } from "./dtls-certificate.ts";
import type { DtlsHandler } from "./dtls.ts";
import { ThreadedDtlsProvider } from "./threaded-dtls.ts";
import type { WeriftDtlsCommand } from "./werift-dtls-messages.ts";
import { WeriftDtlsThread } from "./werift-dtls-thread.ts";

const HELLO = Buffer.from("16fefd0000000000000000000c010000000000000000000000", "hex");

/** A worker that only listens. */
class FakeWorker extends EventEmitter {
  readonly commands: WeriftDtlsCommand[] = [];

  postMessage(command: WeriftDtlsCommand): void {
    this.commands.push(command);
  }

  unref(): void {}
}

function setUp(): { workers: FakeWorker[]; provider: ThreadedDtlsProvider } {
  const workers: FakeWorker[] = [];
  const start = (): Worker => {
    workers.push(new FakeWorker());
    return workers.at(-1) as unknown as Worker;
  };
  const provider: ThreadedDtlsProvider = new ThreadedDtlsProvider(
    "werift",
    createDtlsCertificate(0),
    (listener) => new WeriftDtlsThread(start(), start, listener, () => provider.abandon()),
  );
  return { workers, provider };
}

function handler(reasons: string[]): DtlsHandler {
  return {
    onSend() {},
    onConnected() {},
    onData() {},
    onClosed: (reason) => reasons.push(reason),
  };
}

it("gives the next association a new worker when one has ended", () => {
  const { workers, provider } = setUp();
  const reasons: string[] = [];
  const lost = provider.createServer([], handler(reasons));
  workers[0]?.emit("error", new Error("out of memory"));
  workers[0]?.emit("exit", 1);
  expect(reasons).toEqual(["handshake-failed"]);
  lost.receive(HELLO);
  lost.close();
  expect(workers).toHaveLength(1);

  provider.createServer([], handler(reasons)).receive(HELLO);
  expect(workers[1]?.commands.map(({ type }) => type)).toEqual(["open", "receive"]);
});

it("bounds what waits for the worker", () => {
  const { workers, provider } = setUp();
  const association = provider.createServer([], handler([]));
  const received = (): number => workers[0]?.commands.filter(({ type }) => type === "receive").length ?? 0;
  for (let count = 0; count < 2_000; count += 1) association.receive(HELLO);
  expect(received()).toBe(1_024);
  for (let count = 0; count < 10; count += 1) workers[0]?.emit("message", { type: "taken" });
  for (let count = 0; count < 100; count += 1) association.receive(HELLO);
  expect(received()).toBe(1_034);
});

it("keeps noise from the worker", () => {
  const { workers, provider } = setUp();
  const association = provider.createServer([], handler([]));
  association.receive(Buffer.alloc(100, 22));
  association.receive(Buffer.alloc(0));
  expect(workers[0]?.commands.map(({ type }) => type)).toEqual(["open"]);
});

it("opens nothing once it is closed", async () => {
  const { workers, provider } = setUp();
  provider.close();
  const reasons: string[] = [];
  provider.createServer([], handler(reasons)).receive(HELLO);
  await new Promise(setImmediate);
  expect(reasons).toEqual(["closed-locally"]);
  expect(workers).toHaveLength(1);
});
