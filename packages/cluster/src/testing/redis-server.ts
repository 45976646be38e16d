import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findFreePort, findProgram, startChild } from "./child-server.ts";
import type { ChildServer } from "./child-server.ts";

/** A redis-server of a test's own, with a folder of its own. */
export interface TestRedisServer {
  readonly port: number;
  readonly url: string;
  /** Freezes it: connections stay open, nothing answers. */
  pause(): void;
  resume(): void;
  /** Ends it at once, as a crash would. What was not saved is lost, which is everything unless `persistent`. */
  crash(): Promise<void>;
  /** Starts it again on the same port and folder. */
  restart(): Promise<void>;
  /** Ends it and removes its folder. Idempotent. */
  stop(): Promise<void>;
}

export interface TestRedisOptions {
  /** Keeps every change over a crash (append-only file). */
  readonly persistent?: boolean;
  /** Further arguments, for example `["--replicaof", "127.0.0.1", "7000"]`. */
  readonly args?: readonly string[];
}

/** Starts a redis-server on a free port of loopback, and resolves when it answers. */
export async function startRedisServer(options: TestRedisOptions = {}): Promise<TestRedisServer> {
  const program = findProgram("redis-server", "redis-server");
  const port = await findFreePort();
  const folder = mkdtempSync(join(tmpdir(), "cation-redis-"));
  const args = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, "--save", ""];
  if (options.persistent === true) args.push("--appendonly", "yes", "--appendfsync", "always");
  args.push(...(options.args ?? []));
  const start = (): Promise<ChildServer> => startChild(program, args, () => pings(port));
  let server = await start();
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    pause: () => server.pause(),
    resume: () => server.resume(),
    crash: () => server.kill(),
    async restart() {
      await server.kill();
      server = await start();
    },
    async stop() {
      await server.kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Whether a server answers PING with PONG (an error such as LOADING is not enough). */
function pings(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.write("PING\r\n"));
    const done = (ready: boolean): void => {
      socket.destroy();
      resolve(ready);
    };
    socket.setTimeout(1_000, () => done(false));
    socket.once("error", () => done(false));
    socket.once("data", (data) => done(data.toString().startsWith("+PONG")));
  });
}
