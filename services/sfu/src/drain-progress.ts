import type { Clock } from "@cation/service-kit/clock";

/** How far a node's drain is, as operators read it. */
export interface DrainState {
  readonly draining: boolean;
  /** Sessions that are still here. */
  readonly sessions: number;
  /** Sessions that were here when it began. */
  readonly sessionsAtStart?: number;
  readonly elapsedMs?: number;
}

/** Between two lines in the log. */
const NEWS_INTERVAL_MS = 1_000;

/** Keeps account of one drain. */
export class DrainProgress {
  readonly #clock: Clock;
  readonly #startedAtMs: number;
  readonly #sessionsAtStart: number;
  #toldAtMs: number;

  constructor(clock: Clock, sessionsAtStart: number) {
    this.#clock = clock;
    this.#startedAtMs = clock.monotonicMs();
    this.#toldAtMs = this.#startedAtMs;
    this.#sessionsAtStart = sessionsAtStart;
  }

  read(sessions: number): DrainState {
    const elapsedMs = Math.round(this.#clock.monotonicMs() - this.#startedAtMs);
    return { draining: true, sessions, sessionsAtStart: this.#sessionsAtStart, elapsedMs };
  }

  /** The state, when it is time to tell it again. */
  takeNews(sessions: number): DrainState | undefined {
    const nowMs = this.#clock.monotonicMs();
    if (sessions > 0 && nowMs - this.#toldAtMs < NEWS_INTERVAL_MS) return undefined;
    this.#toldAtMs = nowMs;
    return this.read(sessions);
  }
}
