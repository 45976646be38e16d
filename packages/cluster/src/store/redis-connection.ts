import { createHash } from "node:crypto";
import { Cluster, Redis } from "ioredis";
import type { ClusterOptions, RedisOptions } from "ioredis";
import { withTimeout } from "@cation/service-kit/clock";
import type { Clock } from "@cation/service-kit/clock";
import { CodedError } from "@cation/service-kit/coded-error";
import { parseRedisUrl } from "./redis-url.ts";
import type { RedisTarget } from "./redis-url.ts";

/** Keys for TLS to Redis, PEM. Without them `rediss` checks the server against the system's authorities. */
export interface RedisTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

export interface RedisConnectionOptions {
  /** See parseRedisUrl. */
  readonly url: string;
  readonly tls?: RedisTls;
  readonly clock: Clock;
  /** A command that is not answered within it fails. */
  readonly commandTimeoutMs?: number;
  /** Commands that may wait for answers; more fail at once. */
  readonly maxPendingCommands?: number;
  /** Told when Redis is reached, lost, or a connection attempt fails (with why). For the log. */
  readonly onConnection?: (connected: boolean, error?: unknown) => void;
}

/** A Lua script and the digest by which Redis remembers it. */
export class RedisScript {
  readonly lua: string;
  readonly sha1: string;

  constructor(lua: string) {
    this.lua = lua;
    this.sha1 = createHash("sha1").update(lua).digest("hex");
  }
}

/** What may go into a command. */
export type RedisArgument = string | number | Uint8Array;

const CONNECT_TIMEOUT_MS = 2_000;
const MAX_RECONNECT_MS = 1_000;

/** Replies that say "not now" rather than "wrong". */
const AWAY_REPLIES =
  /^(LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|MOVED|ASK|OOM|MISCONF|BUSY|NOREPLICAS|NOAUTH|WRONGPASS|NOPERM|UNKILLABLE)\b/;

/**
 * A connection to Redis (one server, behind sentinels, or a cluster) that fails fast: while Redis is away every command
 * rejects with STORE_UNAVAILABLE, none is kept for later or sent twice. Reconnects for ever.
 */
export class RedisConnection {
  readonly #client: Redis | Cluster;
  readonly #clock: Clock;
  readonly #commandTimeoutMs: number;
  readonly #maxPendingCommands: number;
  #pending = 0;
  #connected = false;
  #closed = false;

  /** Connects in the background. Throws CONFIG_INVALID where the URL is wrong. */
  constructor(options: RedisConnectionOptions) {
    this.#clock = options.clock;
    this.#commandTimeoutMs = options.commandTimeoutMs ?? 1_000;
    this.#maxPendingCommands = options.maxPendingCommands ?? 10_000;
    this.#client = createClient(parseRedisUrl(options.url), options.tls, this.#commandTimeoutMs);
    let lastError: unknown;
    const turn = (connected: boolean): void => {
      if (this.#connected === connected && lastError === undefined) return;
      this.#connected = connected;
      options.onConnection?.(connected, lastError);
      lastError = undefined;
    };
    this.#client.on("ready", () => {
      lastError = undefined;
      turn(true);
    });
    this.#client.on("error", (error: unknown) => (lastError = error));
    this.#client.on("close", () => turn(false));
    this.#client.on("end", () => this.#revive());
  }

  get connected(): boolean {
    return this.#connected;
  }

  /** Resolves when Redis is reached; rejects with STORE_UNAVAILABLE after the timeout. */
  async waitUntilConnected(timeoutMs: number): Promise<void> {
    if (this.#client.status === "ready") return;
    const ready = new Promise<void>((resolve) => this.#client.once("ready", () => resolve()));
    await withTimeout(this.#clock, timeoutMs, ready, () => new CodedError("STORE_UNAVAILABLE"));
  }

  /** Runs one command. Strings come back as Buffers. */
  call(command: string, ...args: RedisArgument[]): Promise<unknown> {
    return this.#bound(() => this.#send(command, args));
  }

  /** Runs a script, which Redis need not have seen before. All keys have the same hash tag. */
  run(script: RedisScript, keys: readonly string[], args: readonly RedisArgument[]): Promise<unknown> {
    const rest = [keys.length, ...keys, ...args];
    return this.#bound(async () => {
      try {
        return await this.#send("EVALSHA", [script.sha1, ...rest]);
      } catch (error) {
        if (!/^NOSCRIPT\b/.test(messageOf(error))) throw error;
        return this.#send("EVAL", [script.lua, ...rest]);
      }
    });
  }

  /** Idempotent. Commands under way fail. */
  close(): Promise<void> {
    this.#closed = true;
    this.#client.disconnect();
    return Promise.resolve();
  }

  /**
   * The client gives up for good where it is told to disconnect while it looks for a primary, whatever its retry strategy
   * says. We never do.
   */
  #revive(): void {
    if (this.#closed) return;
    this.#clock.setTimer(MAX_RECONNECT_MS, () => {
      if (!this.#closed && this.#client.status === "end") this.#client.connect().catch(() => {});
    });
  }

  #send(command: string, args: readonly RedisArgument[]): Promise<unknown> {
    return this.#client.callBuffer(command, ...args.map(toArgument));
  }

  async #bound(send: () => Promise<unknown>): Promise<unknown> {
    if (this.#closed) throw new CodedError("STORE_UNAVAILABLE", "The store is closed.");
    if (this.#pending >= this.#maxPendingCommands)
      throw new CodedError("STORE_UNAVAILABLE", "Too many commands wait for the state store.");
    this.#pending += 1;
    const sent = send().finally(() => (this.#pending -= 1));
    try {
      return await withTimeout(this.#clock, this.#commandTimeoutMs, sent, () => new Error("no answer in time"));
    } catch (cause) {
      throw toStoreError(cause);
    }
  }
}

function toArgument(argument: RedisArgument): string | number | Buffer {
  if (typeof argument !== "object") return argument;
  return Buffer.from(argument.buffer, argument.byteOffset, argument.byteLength);
}

function toStoreError(cause: unknown): CodedError {
  const isReply = cause instanceof Error && cause.name === "ReplyError";
  const away = !isReply || AWAY_REPLIES.test(cause.message);
  return new CodedError(away ? "STORE_UNAVAILABLE" : "INTERNAL", undefined, { cause });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : "";
}

function createClient(target: RedisTarget, tls: RedisTls | undefined, commandTimeoutMs: number): Redis | Cluster {
  const secure = target.tls && { tls: { ...tls } };
  const shared: RedisOptions = {
    ...(target.username !== undefined && { username: target.username }),
    ...(target.password !== undefined && { password: target.password }),
    ...secure,
    connectTimeout: CONNECT_TIMEOUT_MS,
    // A connection on which an answer is overdue is a dead one.
    socketTimeout: commandTimeoutMs * 2,
    keepAlive: 5_000,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    // After a failover the old primary answers so; the next connection finds the new one.
    reconnectOnError: (error) => error.message.startsWith("READONLY"),
  };
  const delay = (times: number): number => Math.min(50 * times, MAX_RECONNECT_MS);
  if (target.kind === "cluster") {
    const options: ClusterOptions = {
      redisOptions: shared,
      enableOfflineQueue: false,
      clusterRetryStrategy: delay,
      slotsRefreshTimeout: 1_000,
      slotsRefreshInterval: 5_000,
      retryDelayOnFailover: 50,
      retryDelayOnClusterDown: 50,
      maxRedirections: 8,
    };
    return new Cluster([...target.addresses], options);
  }
  const single: RedisOptions = { ...shared, enableOfflineQueue: false, db: target.database, retryStrategy: delay };
  if (target.kind === "single") return new Redis({ ...single, ...target.addresses[0] });
  return new Redis({
    ...single,
    sentinels: [...target.addresses],
    name: target.primaryName,
    sentinelRetryStrategy: delay,
    failoverDetector: true,
    ...(target.tls && { enableTLSForSentinelMode: true, sentinelTLS: { ...tls } }),
    ...(target.password !== undefined && { sentinelPassword: target.password }),
    ...(target.username !== undefined && { sentinelUsername: target.username }),
  });
}
