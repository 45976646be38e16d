import type { Duplex, ServeDuplex } from "../rpc/duplex.ts";
import type { EventBus, Subscription } from "./event-bus.ts";
import type { EventBusDown, EventBusUp } from "./event-bus-link.ts";
import { LinkQueue } from "./link-queue.ts";

/** Lends an event bus to other threads (EventBusLinkDefinition). The bus stays the caller's to close. */
export function serveEventBus(bus: EventBus): ServeDuplex<EventBusDown, EventBusUp> {
  return (duplex) => {
    const lent = new LentEventBus(bus, duplex);
    duplex.onMessage = (message) => lent.receive(message);
    duplex.onDrain = () => lent.drained();
    duplex.onClose = () => lent.close();
    duplex.onEnd = (error) => {
      if (!error) duplex.end();
    };
  };
}

/** What one thread has subscribed to. */
class LentEventBus {
  readonly #bus: EventBus;
  readonly #queue: LinkQueue<EventBusDown>;
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #reconnects: Subscription;
  /** Events were dropped because the thread lagged: it is told when it has caught up. */
  #missed = false;

  constructor(bus: EventBus, duplex: Duplex<EventBusDown, EventBusUp>) {
    this.#bus = bus;
    this.#queue = new LinkQueue(duplex);
    this.#reconnects = bus.onReconnect(() => this.#send({ kind: "missed" }));
  }

  receive(message: EventBusUp): void {
    switch (message.kind) {
      case "publish":
        return this.#bus.publish(message.subject, message.payload);
      case "subscribe":
        for (const subject of message.subjects) this.#subscribe(subject);
        return;
      case "unsubscribe":
        this.#subscriptions.get(message.subject)?.unsubscribe();
        this.#subscriptions.delete(message.subject);
    }
  }

  drained(): void {
    this.#queue.drained();
    if (!this.#missed || this.#queue.full) return;
    this.#missed = false;
    this.#send({ kind: "missed" });
  }

  close(): void {
    this.#reconnects.unsubscribe();
    for (const subscription of this.#subscriptions.values()) subscription.unsubscribe();
    this.#subscriptions.clear();
  }

  #subscribe(subject: string): void {
    if (this.#subscriptions.has(subject)) return;
    const subscription = this.#bus.subscribe(subject, (payload, of) =>
      this.#send({ kind: "event", subject: of, payload }),
    );
    this.#subscriptions.set(subject, subscription);
  }

  #send(message: EventBusDown): void {
    if (!this.#queue.send(message)) this.#missed = true;
  }
}
