import type { Clock } from "@cation/service-kit/clock";

/**
 * Knows for how long the store has been reachable without a break. Leases that ran out while it was not say nothing of
 * the nodes, so nobody is declared lost before nodes had the time to report again.
 */
export class StoreCalm {
  readonly #clock: Clock;
  #troubleAtMs: number;
  #reachable = false;

  /** Counts from now: a new process does not know what was before. */
  constructor(clock: Clock) {
    this.#clock = clock;
    this.#troubleAtMs = clock.monotonicMs();
  }

  /** Whether the last thing that was tried succeeded. */
  get reachable(): boolean {
    return this.#reachable;
  }

  /** The store answered. */
  noteSuccess(): void {
    this.#reachable = true;
  }

  /** The store could not be reached, or this process stood still and cannot know. */
  noteTrouble(): void {
    this.#reachable = false;
    this.#troubleAtMs = this.#clock.monotonicMs();
  }

  /** Whether there was no trouble for so long. */
  hasLastedFor(durationMs: number): boolean {
    return this.#clock.monotonicMs() - this.#troubleAtMs >= durationMs;
  }
}
