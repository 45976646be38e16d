import type { PacketSink } from "./packet-sink.ts";

/** The sinks that open transports write to, each once. */
export class SinkSet {
  readonly #sinks: PacketSink[] = [];
  readonly #users: number[] = [];

  add(sink: PacketSink): void {
    const index = this.#sinks.indexOf(sink);
    if (index >= 0) {
      this.#users[index]++;
      return;
    }
    this.#sinks.push(sink);
    this.#users.push(1);
  }

  /** Flushes the sink and forgets it when its last transport has gone. */
  remove(sink: PacketSink): void {
    const index = this.#sinks.indexOf(sink);
    if (index < 0) return;
    if (sink.batch.count > 0) sink.flush();
    if (--this.#users[index] > 0) return;
    this.#sinks.splice(index, 1);
    this.#users.splice(index, 1);
  }

  /** Hands over all records that wait. */
  flush(): void {
    for (let i = 0; i < this.#sinks.length; i++) {
      if (this.#sinks[i].batch.count > 0) this.#sinks[i].flush();
    }
  }
}
