import type { Subscription } from "@cation/cluster/events/event-bus";
import { HandlerSet } from "@cation/cluster/events/handler-set";
import { NatsEventBus } from "@cation/cluster/events/nats-event-bus";
import type { Clock } from "@cation/service-kit/clock";
import type { MediaBroker } from "./media-broker.ts";

/** What may be published and not yet taken by the server: at 20 Mb/s less than a second. */
const MAX_UNACKNOWLEDGED_BYTES = 2 * 1024 * 1024;

export interface NatsMediaBrokerOptions {
  readonly urls: readonly string[];
  readonly clock: Clock;
}

/** Media over NATS, on a connection of its own: events never wait behind it. */
export class NatsMediaBroker implements MediaBroker {
  readonly #bus: NatsEventBus;
  readonly #lost = new HandlerSet<[]>();

  constructor({ urls, clock }: NatsMediaBrokerOptions) {
    this.#bus = new NatsEventBus({
      urls,
      name: "sfu-media",
      clock,
      maxUnacknowledgedBytes: MAX_UNACKNOWLEDGED_BYTES,
      onConnection: (connected) => {
        if (!connected) this.#lost.call();
      },
    });
  }

  get connected(): boolean {
    return this.#bus.connected;
  }

  publish(subject: string, payload: Uint8Array): boolean {
    const { publishesDropped } = this.#bus.stats;
    this.#bus.publish(subject, payload);
    return this.#bus.stats.publishesDropped === publishesDropped;
  }

  subscribe(subject: string, handler: (payload: Uint8Array) => void): Subscription {
    return this.#bus.subscribe(subject, handler);
  }

  onLost(handler: () => void): Subscription {
    return this.#lost.add(handler);
  }

  close(): Promise<void> {
    return this.#bus.close();
  }
}
