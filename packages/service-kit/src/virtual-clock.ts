import type { Clock, Timer } from "./clock.ts";

interface PendingTimer extends Timer {
  readonly dueMs: number;
  readonly order: number;
  readonly callback: () => void;
}

/** A clock that stands still until it is told to advance. For tests and simulations. */
export class VirtualClock implements Clock {
  readonly #pending = new Set<PendingTimer>();
  readonly #epochMs: number;
  #elapsedMs = 0;
  #order = 0;

  /** @param epochMs what nowMs() says at the start. */
  constructor(epochMs = 1_700_000_000_000) {
    this.#epochMs = epochMs;
  }

  nowMs(): number {
    return this.#epochMs + this.#elapsedMs;
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    const timer: PendingTimer = {
      dueMs: this.#elapsedMs + Math.max(0, delayMs),
      order: this.#order++,
      callback,
      cancel: () => this.#pending.delete(timer),
    };
    this.#pending.add(timer);
    return timer;
  }

  /** Timers that are armed. A test that ends with some has leaked them. */
  get pendingTimers(): number {
    return this.#pending.size;
  }

  /** Moves time on and fires what falls due, in order of time, then of arming. Timers armed on the way count too. */
  advance(durationMs: number): void {
    const endMs = this.#elapsedMs + durationMs;
    for (let timer = this.#next(endMs); timer; timer = this.#next(endMs)) this.#fire(timer);
    this.#elapsedMs = endMs;
  }

  /** Like advance, but lets promises settle after each timer, and once before the first. */
  async advanceAsync(durationMs: number): Promise<void> {
    const endMs = this.#elapsedMs + durationMs;
    await settle();
    for (let timer = this.#next(endMs); timer; timer = this.#next(endMs)) {
      this.#fire(timer);
      await settle();
    }
    this.#elapsedMs = endMs;
  }

  #next(endMs: number): PendingTimer | undefined {
    let first: PendingTimer | undefined;
    for (const timer of this.#pending) {
      if (timer.dueMs > endMs) continue;
      if (!first || timer.dueMs < first.dueMs || (timer.dueMs === first.dueMs && timer.order < first.order))
        first = timer;
    }
    return first;
  }

  #fire(timer: PendingTimer): void {
    this.#pending.delete(timer);
    this.#elapsedMs = Math.max(this.#elapsedMs, timer.dueMs);
    timer.callback();
  }
}

/** One turn of the event loop: every promise that can settle without I/O has settled after it. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
