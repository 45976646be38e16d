import { connect, headers } from "@nats-io/transport-node";
import type { Msg, MsgHdrs, NatsConnection, Subscription as NatsSubscription } from "@nats-io/transport-node";
import { currentSpan, runInSpan } from "@cation/service-kit/span";
import type { Tracer } from "@cation/service-kit/span";
import { sleep } from "@cation/service-kit/clock";
import type { Clock } from "@cation/service-kit/clock";
import type { EventBus, EventBusStats, EventHandler, ReconnectHandler, Subscription } from "./event-bus.ts";
import { HandlerSet } from "./handler-set.ts";
import { isSubject } from "./subject.ts";
import { toConnectionOptions } from "./nats-options.ts";
import type { NatsOptions } from "./nats-options.ts";

export interface NatsEventBusOptions extends NatsOptions {
  readonly clock: Clock;
  /** Told when the server is reached, and when it is lost or an attempt fails (with why). For the log. */
  readonly onConnection?: (connected: boolean, error?: unknown) => void;
  /** Carries traces from publishers to handlers. */
  readonly tracer?: Tracer | undefined;
  /** Bytes that may be published and not yet taken by the server; more are dropped. */
  readonly maxUnacknowledgedBytes?: number;
}

const TRACE_HEADER = "traceparent";
const CONNECT_INTERVAL_MS = 500;
const CLOSE_TIMEOUT_MS = 2_000;
/** After so many bytes the server is asked how far it is. */
const FLUSH_INTERVAL_BYTES = 64 * 1024;

interface Subject {
  readonly handlers: HandlerSet<[Uint8Array, string]>;
  nats: NatsSubscription | undefined;
}

/**
 * Events over NATS. Connects in the background, so that a service starts without it; what is published while NATS is away
 * is dropped and counted, never kept for later.
 */
export class NatsEventBus implements EventBus {
  readonly #options: NatsEventBusOptions;
  readonly #maxUnacknowledgedBytes: number;
  readonly #subjects = new Map<string, Subject>();
  readonly #reconnectHandlers = new HandlerSet<[]>();
  readonly #aborter = new AbortController();
  readonly #running: Promise<void>;
  #nats: NatsConnection | undefined;
  #connected = false;
  #everConnected = false;
  #unacknowledgedBytes = 0;
  #unflushedBytes = 0;
  #lossy = false;
  readonly #stats = {
    published: 0,
    publishesDropped: 0,
    delivered: 0,
    deliveriesDropped: 0,
    handlerErrors: 0,
  };

  /** Throws CONFIG_INVALID where the options are wrong; a server that is away is no error. */
  constructor(options: NatsEventBusOptions) {
    this.#options = options;
    this.#maxUnacknowledgedBytes = options.maxUnacknowledgedBytes ?? 4 * 1024 * 1024;
    const connectionOptions = toConnectionOptions(options);
    this.#running = this.#run(connectionOptions);
  }

  get connected(): boolean {
    return this.#connected;
  }

  get stats(): EventBusStats {
    return { ...this.#stats };
  }

  publish(subject: string, payload: Uint8Array): void {
    if (!this.#nats || !this.#connected || !isSubject(subject) || !this.#reserve(payload.length)) {
      this.#stats.publishesDropped += 1;
      this.#lossy ||= this.#connected;
      return;
    }
    try {
      // A copy, since the client sends in a later turn.
      this.#nats.publish(subject, Uint8Array.from(payload), traceOptions());
      this.#stats.published += 1;
    } catch {
      // Too large for the server, or just closed.
      this.#stats.publishesDropped += 1;
    }
  }

  subscribe(subject: string, handler: EventHandler): Subscription {
    if (this.#aborter.signal.aborted || !isSubject(subject)) return { unsubscribe: () => {} };
    let entry = this.#subjects.get(subject);
    if (!entry) {
      entry = { handlers: new HandlerSet(), nats: undefined };
      this.#subjects.set(subject, entry);
      this.#attach(subject, entry);
    }
    const subscription = entry.handlers.add(handler);
    return {
      unsubscribe: () => {
        subscription.unsubscribe();
        if (entry.handlers.size > 0 || this.#subjects.get(subject) !== entry) return;
        this.#subjects.delete(subject);
        entry.nats?.unsubscribe();
      },
    };
  }

  onReconnect(handler: ReconnectHandler): Subscription {
    return this.#reconnectHandlers.add(handler);
  }

  /** Resolves when what was published and subscribed so far has reached the server; at once when it is away. */
  async flush(): Promise<void> {
    await this.#nats?.flush().catch(() => {});
  }

  async close(): Promise<void> {
    if (this.#aborter.signal.aborted) return this.#running;
    this.#aborter.abort();
    for (const { handlers } of this.#subjects.values()) handlers.clear();
    this.#subjects.clear();
    this.#reconnectHandlers.clear();
    const nats = this.#nats;
    if (nats && this.#connected) {
      const drained = nats.drain().catch(() => {});
      await Promise.race([drained, sleep(this.#options.clock, CLOSE_TIMEOUT_MS)]);
    }
    this.#connected = false;
    await nats?.close();
    await this.#running;
  }

  /** One connection after another, until closed. A connection itself survives the loss of its server. */
  async #run(connectionOptions: Parameters<typeof connect>[0]): Promise<void> {
    const { clock, onConnection } = this.#options;
    const { signal } = this.#aborter;
    while (!signal.aborted) {
      try {
        const nats = await connect(connectionOptions);
        if (signal.aborted) {
          await nats.close();
          return;
        }
        await this.#use(nats);
      } catch (error) {
        onConnection?.(false, error);
      }
      await sleep(clock, CONNECT_INTERVAL_MS, signal).catch(() => {});
    }
  }

  async #use(nats: NatsConnection): Promise<void> {
    this.#nats = nats;
    for (const [subject, entry] of this.#subjects) this.#attach(subject, entry);
    this.#arrived();
    for await (const status of nats.status()) {
      if (status.type === "disconnect" || status.type === "staleConnection") this.#lost();
      else if (status.type === "reconnect") this.#arrived();
    }
    this.#lost();
    this.#nats = undefined;
    for (const entry of this.#subjects.values()) entry.nats = undefined;
  }

  #arrived(): void {
    const first = !this.#everConnected;
    this.#connected = true;
    this.#everConnected = true;
    this.#unacknowledgedBytes = 0;
    this.#unflushedBytes = 0;
    this.#options.onConnection?.(true);
    // Whoever subscribed before the first connection may have missed events too.
    if (!first || this.#subjects.size > 0) this.#tellOfLoss();
  }

  #lost(): void {
    if (!this.#connected) return;
    this.#connected = false;
    this.#options.onConnection?.(false);
  }

  #tellOfLoss(): void {
    this.#stats.handlerErrors += this.#reconnectHandlers.call().failed;
  }

  #attach(subject: string, entry: Subject): void {
    if (!this.#nats || this.#nats.isClosed()) return;
    entry.nats = this.#nats.subscribe(subject, {
      callback: (error: Error | null, message: Msg) => {
        if (error || this.#aborter.signal.aborted) return;
        const span = this.#options.tracer?.remote(message.headers?.get(TRACE_HEADER));
        const { called, failed } = runInSpan(span, () => entry.handlers.call(message.data, message.subject));
        this.#stats.delivered += called;
        this.#stats.handlerErrors += failed;
      },
    });
  }

  /** Whether so many bytes may be sent now. Learns by flushes what the server has taken. */
  #reserve(bytes: number): boolean {
    if (this.#unacknowledgedBytes + bytes > this.#maxUnacknowledgedBytes) return false;
    this.#unacknowledgedBytes += bytes;
    this.#unflushedBytes += bytes;
    if (this.#unflushedBytes < FLUSH_INTERVAL_BYTES) return true;
    const covered = this.#unflushedBytes;
    this.#unflushedBytes = 0;
    this.#nats?.flush().then(
      () => this.#acknowledge(covered),
      // The connection was lost; the next one starts at 0.
      () => {},
    );
    return true;
  }

  #acknowledge(bytes: number): void {
    this.#unacknowledgedBytes = Math.max(0, this.#unacknowledgedBytes - bytes);
    if (!this.#lossy) return;
    this.#lossy = false;
    this.#tellOfLoss();
  }
}

/** The present trace as a header of the message, where there is one. */
function traceOptions(): { headers: MsgHdrs } | undefined {
  const span = currentSpan();
  if (span === undefined) return undefined;
  const carried = headers();
  carried.set(TRACE_HEADER, span.traceparent);
  return { headers: carried };
}
