import type { EventBus, EventBusStats, Subscription } from "@cation/cluster/events/event-bus";

/** An event bus that counts what it would carry to so many nodes, and hands each message to one listener for all of them. */
export class CountingBus implements EventBus {
  readonly connected = true;
  readonly stats: EventBusStats = {
    published: 0,
    publishesDropped: 0,
    delivered: 0,
    deliveriesDropped: 0,
    handlerErrors: 0,
  };
  /** To how many nodes a message goes now. */
  subscribers = 0;
  onMessage: (payload: Uint8Array) => void = () => undefined;
  published = 0;
  delivered = 0;
  deliveredBytes = 0;

  publish(_subject: string, payload: Uint8Array): void {
    this.published += 1;
    this.delivered += this.subscribers;
    this.deliveredBytes += this.subscribers * payload.length;
    const copy = Uint8Array.from(payload);
    queueMicrotask(() => this.onMessage(copy));
  }

  subscribe(): Subscription {
    return { unsubscribe: () => undefined };
  }

  onReconnect(): Subscription {
    return { unsubscribe: () => undefined };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
