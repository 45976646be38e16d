import type { LinkConfig, LinkModel } from "./link-model.ts";
import type { VirtualClock } from "./virtual-clock.ts";

/** A link model on the virtual clock: what is sent arrives by itself. */
export class SimLink<T extends { readonly bytes: Uint8Array }> {
  readonly model: LinkModel<T>;
  readonly #clock: VirtualClock;
  readonly #deliver: (packet: T) => void;
  #armedUs = Number.POSITIVE_INFINITY;

  constructor(clock: VirtualClock, model: LinkModel<T>, deliver: (packet: T) => void) {
    this.#clock = clock;
    this.model = model;
    this.#deliver = deliver;
  }

  /** False where the queue dropped it. */
  send(packet: T): boolean {
    const taken = this.model.offer(packet, packet.bytes.length, this.#clock.nowUs);
    this.#arm();
    return taken;
  }

  /** Changes the path from now on. */
  configure(change: Partial<LinkConfig>): void {
    this.model.configure(change, this.#clock.nowUs);
    this.#arm();
  }

  #arm(): void {
    const nextUs = this.model.nextUs;
    if (nextUs >= this.#armedUs) return;
    this.#armedUs = nextUs;
    this.#clock.at(nextUs, () => this.#pump(nextUs));
  }

  #pump(dueUs: number): void {
    // Armed anew for an earlier time since.
    if (dueUs !== this.#armedUs) return;
    this.#armedUs = Number.POSITIVE_INFINITY;
    for (let packet = this.model.take(this.#clock.nowUs); packet !== undefined;) {
      this.#deliver(packet);
      packet = this.model.take(this.#clock.nowUs);
    }
    this.#arm();
  }
}
