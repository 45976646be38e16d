import type { EventBus, EventBusStats, EventHandler, Subscription } from "@cation/cluster/events/event-bus";
import { HandlerSet } from "@cation/cluster/events/handler-set";
import type { Clock } from "@cation/service-kit/clock";

/** How badly a simulated bus behaves; chances are 0 … 1. */
export interface BusFaults {
  loss: number;
  repetition: number;
  /** Each delivery takes up to so long, so that events overtake each other. */
  maxDelayMs: number;
}

/** An event bus on a virtual clock that loses, repeats and reorders, for each subscriber apart. */
export class SimulatedBus implements EventBus {
  readonly connected = true;
  readonly stats: EventBusStats = {
    published: 0,
    publishesDropped: 0,
    delivered: 0,
    deliveriesDropped: 0,
    handlerErrors: 0,
  };
  readonly faults: BusFaults;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #subjects = new Map<string, Set<HandlerSet<[Uint8Array, string]>>>();

  constructor(clock: Clock, random: () => number, faults: BusFaults) {
    this.#clock = clock;
    this.#random = random;
    this.faults = faults;
  }

  publish(subject: string, payload: Uint8Array): void {
    const copy = Uint8Array.from(payload);
    for (const subscriber of this.#subjects.get(subject) ?? []) {
      if (this.#random() < this.faults.loss) continue;
      const times = this.#random() < this.faults.repetition ? 2 : 1;
      for (let i = 0; i < times; i += 1) {
        const delayMs = this.#random() * this.faults.maxDelayMs;
        this.#clock.setTimer(delayMs, () => void subscriber.call(copy, subject));
      }
    }
  }

  subscribe(subject: string, handler: EventHandler): Subscription {
    const subscribers = this.#subjects.get(subject) ?? new Set();
    this.#subjects.set(subject, subscribers);
    const own = new HandlerSet<[Uint8Array, string]>();
    const subscription = own.add(handler);
    subscribers.add(own);
    return {
      unsubscribe: () => {
        subscription.unsubscribe();
        subscribers.delete(own);
      },
    };
  }

  onReconnect(): Subscription {
    return { unsubscribe: () => {} };
  }

  close(): Promise<void> {
    this.#subjects.clear();
    return Promise.resolve();
  }
}
