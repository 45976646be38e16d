import { connect } from "node:net";
import { findFreePort, findProgram, startChild } from "./child-server.ts";
import type { ChildServer } from "./child-server.ts";

/** A nats-server of a test's own. */
export interface TestNatsServer {
  readonly url: string;
  /** Freezes it: connections stay open, nothing flows. */
  pause(): void;
  resume(): void;
  /** Ends it at once, as a crash would. */
  crash(): Promise<void>;
  /** Starts it again on the same port. */
  restart(): Promise<void>;
  /** Idempotent. */
  stop(): Promise<void>;
}

/** Starts a nats-server on a free port of loopback, and resolves when it takes connections. */
export async function startNatsServer(): Promise<TestNatsServer> {
  const program = findProgram("nats-server", "nats-server");
  const port = await findFreePort();
  const start = (): Promise<ChildServer> =>
    startChild(program, ["--addr", "127.0.0.1", "--port", String(port)], () => greets(port));
  let server = await start();
  return {
    url: `nats://127.0.0.1:${port}`,
    pause: () => server.pause(),
    resume: () => server.resume(),
    crash: () => server.kill(),
    async restart() {
      await server.kill();
      server = await start();
    },
    stop: () => server.kill(),
  };
}

/** Whether the server sends its greeting (INFO). */
function greets(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const done = (ready: boolean): void => {
      socket.destroy();
      resolve(ready);
    };
    socket.setTimeout(1_000, () => done(false));
    socket.once("error", () => done(false));
    socket.once("data", (data) => done(data.toString().startsWith("INFO ")));
  });
}
