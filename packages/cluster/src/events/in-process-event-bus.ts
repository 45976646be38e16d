import type { EventBus, EventBusStats, EventHandler, ReconnectHandler, Subscription } from "./event-bus.ts";
import { HandlerSet } from "./handler-set.ts";
import { isSubject } from "./subject.ts";

export interface InProcessEventBusOptions {
  /** Events that may wait for delivery; more are dropped. They wait only while one turn publishes without pause. */
  readonly maxWaiting?: number;
  /** As a NATS server has by default. */
  readonly maxPayloadBytes?: number;
}

/** Events within one process. Payloads are copied and arrive in a later microtask, as if they had crossed a network. */
export class InProcessEventBus implements EventBus {
  readonly #maxWaiting: number;
  readonly #maxPayloadBytes: number;
  readonly #subjects = new Map<string, HandlerSet<[Uint8Array, string]>>();
  readonly #reconnectHandlers = new HandlerSet<[]>();
  #waiting: { readonly subject: string; readonly payload: Uint8Array }[] = [];
  #overflowed = false;
  #closed = false;
  readonly #stats = {
    published: 0,
    publishesDropped: 0,
    delivered: 0,
    deliveriesDropped: 0,
    handlerErrors: 0,
  };

  constructor(options: InProcessEventBusOptions = {}) {
    this.#maxWaiting = options.maxWaiting ?? 65_536;
    this.#maxPayloadBytes = options.maxPayloadBytes ?? 1024 * 1024;
  }

  get connected(): boolean {
    return !this.#closed;
  }

  get stats(): EventBusStats {
    return { ...this.#stats };
  }

  publish(subject: string, payload: Uint8Array): void {
    if (this.#closed || payload.length > this.#maxPayloadBytes || !isSubject(subject)) {
      this.#stats.publishesDropped += 1;
      return;
    }
    this.#stats.published += 1;
    if (this.#waiting.length >= this.#maxWaiting) {
      this.#stats.deliveriesDropped += 1;
      this.#overflowed = true;
      return;
    }
    if (this.#waiting.push({ subject, payload: Uint8Array.from(payload) }) === 1) queueMicrotask(() => this.#deliver());
  }

  subscribe(subject: string, handler: EventHandler): Subscription {
    if (this.#closed || !isSubject(subject)) return { unsubscribe: () => {} };
    let handlers = this.#subjects.get(subject);
    if (!handlers) {
      handlers = new HandlerSet();
      this.#subjects.set(subject, handlers);
    }
    const subscription = handlers.add(handler);
    return {
      unsubscribe: () => {
        subscription.unsubscribe();
        if (handlers.size === 0 && this.#subjects.get(subject) === handlers) this.#subjects.delete(subject);
      },
    };
  }

  onReconnect(handler: ReconnectHandler): Subscription {
    return this.#reconnectHandlers.add(handler);
  }

  close(): Promise<void> {
    this.#deliver();
    this.#closed = true;
    for (const handlers of this.#subjects.values()) handlers.clear();
    this.#subjects.clear();
    this.#reconnectHandlers.clear();
    return Promise.resolve();
  }

  #deliver(): void {
    const events = this.#waiting;
    this.#waiting = [];
    for (const { subject, payload } of events) {
      const result = this.#subjects.get(subject)?.call(payload, subject);
      if (!result) continue;
      this.#stats.delivered += result.called;
      this.#stats.handlerErrors += result.failed;
    }
    if (!this.#overflowed) return;
    this.#overflowed = false;
    this.#stats.handlerErrors += this.#reconnectHandlers.call().failed;
  }
}
