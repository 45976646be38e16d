import type { MonoUs } from "@cation/rtp/units";
import { TimeQueue } from "./time-queue.ts";

/** Time that passes as fast as the simulation computes. Everything that happens later is a scheduled call. */
export class VirtualClock {
  #nowUs: number;
  readonly #events = new TimeQueue<() => void>();

  constructor(startUs = 1_000_000) {
    this.#nowUs = startUs;
  }

  get nowUs(): MonoUs {
    return this.#nowUs as MonoUs;
  }

  /** Calls `action` at that time (now, where it has passed), in the order of scheduling among equals. */
  at(timeUs: number, action: () => void): void {
    this.#events.push(Math.max(timeUs, this.#nowUs), action);
  }

  after(delayUs: number, action: () => void): void {
    this.at(this.#nowUs + delayUs, action);
  }

  /** Runs everything due until then, and sets the time to it. */
  runUntil(timeUs: number): void {
    while (this.#events.nextUs <= timeUs) {
      this.#nowUs = this.#events.nextUs;
      this.#events.pop()?.();
    }
    this.#nowUs = Math.max(this.#nowUs, timeUs);
  }

  runFor(durationUs: number): void {
    this.runUntil(this.#nowUs + durationUs);
  }
}
