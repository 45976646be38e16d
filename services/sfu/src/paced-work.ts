import type { Clock } from "@cation/service-kit/clock";

/** How long one turn of it may keep the deciding thread from its packets … */
const TURN_MS = 3;
/** … and how long packets then have it for themselves. */
const PAUSE_MS = 2;

/**
 * Work that is due now but can wait a few milliseconds: offers to a thousand viewers of a new track, which made in one go
 * would hold up the media of everybody. In order, in short turns.
 */
export class PacedWork {
  readonly #clock: Clock;
  #jobs: (() => void)[] = [];
  #next = 0;
  #scheduled = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Jobs that wait. Bounded by who adds them: one for each connection. */
  get waiting(): number {
    return this.#jobs.length - this.#next;
  }

  /** Does a job soon: after those that were added before. A job must not throw. */
  add(job: () => void): void {
    this.#jobs.push(job);
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#clock.setTimer(0, () => this.#turn());
  }

  #turn(): void {
    const startedAtMs = this.#clock.monotonicMs();
    while (this.#next < this.#jobs.length && this.#clock.monotonicMs() - startedAtMs < TURN_MS) {
      this.#jobs[this.#next++]();
    }
    if (this.waiting > 0) {
      this.#clock.setTimer(PAUSE_MS, () => this.#turn());
      return;
    }
    this.#scheduled = false;
    this.#jobs = [];
    this.#next = 0;
  }
}
