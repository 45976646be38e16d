import type { Clock, Timer } from "@cation/service-kit/clock";
import type { Duplex } from "../rpc/duplex.ts";
import type { EventBus, EventBusStats, EventHandler, ReconnectHandler, Subscription } from "./event-bus.ts";
import type { EventBusDown, EventBusUp } from "./event-bus-link.ts";
import { HandlerSet } from "./handler-set.ts";
import { LinkQueue } from "./link-queue.ts";
import { isSubject } from "./subject.ts";

/** Before a broken link is opened again. */
const REOPEN_DELAY_MS = 100;

export interface RemoteEventBusOptions {
  /** Opens a link to the thread that has the bus (EventBusLinkDefinition). Throws when that thread is gone. */
  readonly open: () => Duplex<EventBusUp, EventBusDown>;
  readonly clock: Clock;
  /** As a NATS server has by default. */
  readonly maxPayloadBytes?: number;
}

/** The event bus of another thread of this process, used from here: see serveEventBus. */
export class RemoteEventBus implements EventBus {
  readonly #options: RemoteEventBusOptions;
  readonly #maxPayloadBytes: number;
  readonly #subjects = new Map<string, HandlerSet<[Uint8Array, string]>>();
  readonly #reconnectHandlers = new HandlerSet<[]>();
  readonly #stats = { published: 0, publishesDropped: 0, delivered: 0, deliveriesDropped: 0, handlerErrors: 0 };
  #link: Duplex<EventBusUp, EventBusDown> | undefined;
  #queue: LinkQueue<EventBusUp> | undefined;
  #reopen: Timer | undefined;
  #closed = false;

  constructor(options: RemoteEventBusOptions) {
    this.#options = options;
    this.#maxPayloadBytes = options.maxPayloadBytes ?? 1024 * 1024;
    this.#open();
  }

  /** Whether the other thread is reached. */
  get connected(): boolean {
    return this.#link !== undefined;
  }

  get stats(): EventBusStats {
    return { ...this.#stats };
  }

  publish(subject: string, payload: Uint8Array): void {
    const fits = payload.length <= this.#maxPayloadBytes && isSubject(subject);
    // A copy, since it may wait.
    const sent = fits && this.#queue?.send({ kind: "publish", subject, payload: Uint8Array.from(payload) });
    if (sent === true) this.#stats.published += 1;
    else this.#stats.publishesDropped += 1;
  }

  subscribe(subject: string, handler: EventHandler): Subscription {
    if (this.#closed || !isSubject(subject)) return { unsubscribe: () => {} };
    let handlers = this.#subjects.get(subject);
    if (!handlers) {
      handlers = new HandlerSet();
      this.#subjects.set(subject, handlers);
      this.#link?.write({ kind: "subscribe", subjects: [subject] });
    }
    const subscription = handlers.add(handler);
    return {
      unsubscribe: () => {
        subscription.unsubscribe();
        if (handlers.size > 0 || this.#subjects.get(subject) !== handlers) return;
        this.#subjects.delete(subject);
        this.#link?.write({ kind: "unsubscribe", subject });
      },
    };
  }

  onReconnect(handler: ReconnectHandler): Subscription {
    return this.#reconnectHandlers.add(handler);
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#reopen?.cancel();
    for (const handlers of this.#subjects.values()) handlers.clear();
    this.#subjects.clear();
    this.#reconnectHandlers.clear();
    this.#link?.end();
    this.#link = undefined;
    this.#queue = undefined;
    return Promise.resolve();
  }

  #open(): void {
    const link = this.#options.open();
    const queue = new LinkQueue(link);
    this.#link = link;
    this.#queue = queue;
    link.onMessage = (message) => this.#receive(message);
    link.onDrain = () => queue.drained();
    link.onEnd = () => this.#lost(link);
    if (this.#subjects.size > 0) link.write({ kind: "subscribe", subjects: [...this.#subjects.keys()] });
  }

  /** Only a thread that lags beyond every bound loses its link, and a thread that ends. */
  #lost(link: Duplex<EventBusUp, EventBusDown>): void {
    if (this.#link !== link || this.#closed) return;
    this.#link = undefined;
    this.#queue = undefined;
    this.#reopen = this.#options.clock.setTimer(REOPEN_DELAY_MS, () => {
      try {
        this.#open();
      } catch {
        // The other thread is gone, and this one with it soon.
        return;
      }
      this.#tellOfLoss();
    });
  }

  #receive(message: EventBusDown): void {
    if (this.#closed) return;
    if (message.kind === "missed") return this.#tellOfLoss();
    const result = this.#subjects.get(message.subject)?.call(message.payload, message.subject);
    if (!result) return;
    this.#stats.delivered += result.called;
    this.#stats.handlerErrors += result.failed;
  }

  #tellOfLoss(): void {
    this.#stats.handlerErrors += this.#reconnectHandlers.call().failed;
  }
}
