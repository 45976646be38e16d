import type { Consumer } from "@cation/engine/consumer";
import type { Producer } from "@cation/engine/producer";
import type { MonoUs } from "@cation/rtp/units";

/**
 * Mutes that are enforced here, because the publisher did not ask for them: none of the producer's consumers sends.
 * A consumer is paused when its receiver wants that or its producer is muted.
 */
export class ProducerMutes {
  readonly #muted = new WeakSet<Producer>();
  readonly #pausedByReceiver = new WeakSet<Consumer>();

  setMuted(producer: Producer, muted: boolean, nowUs: MonoUs): void {
    if (this.#muted.has(producer) === muted) return;
    if (muted) this.#muted.add(producer);
    else this.#muted.delete(producer);
    for (const consumer of [...producer.consumers]) this.apply(consumer, nowUs);
  }

  setPaused(consumer: Consumer, paused: boolean, nowUs: MonoUs): void {
    if (paused) this.#pausedByReceiver.add(consumer);
    else this.#pausedByReceiver.delete(consumer);
    this.apply(consumer, nowUs);
  }

  /** To be called for a new consumer. */
  apply(consumer: Consumer, nowUs: MonoUs): void {
    const paused = this.#pausedByReceiver.has(consumer) || this.#muted.has(consumer.producer);
    consumer.setPaused(paused, nowUs);
  }
}
