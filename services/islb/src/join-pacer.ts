import { sleep } from "@cation/service-kit/clock";
import type { Clock } from "@cation/service-kit/clock";
import { CodedError } from "@cation/service-kit/coded-error";

export interface JoinPacerOptions {
  readonly clock: Clock;
  /** Joins a second into one room, on average; as many may come at once. */
  readonly joinsPerSecond: number;
  /** A join that would have to wait for longer is refused. */
  readonly maxWaitMs: number;
  readonly onWait: () => void;
}

/**
 * Spreads the joins into one room over time: those above the rate wait for their turn, in order, rather than being
 * refused. A virtual schedule (ITU-T I.371 Annex A, GCRA) for each room that is joined now; nothing is queued but the
 * callers themselves.
 */
export class JoinPacer {
  readonly #options: JoinPacerOptions;
  readonly #intervalMs: number;
  readonly #burstMs: number;
  /** By room, when its schedule is free again. */
  readonly #freeAtMs = new Map<string, number>();

  constructor(options: JoinPacerOptions) {
    this.#options = options;
    this.#intervalMs = 1_000 / options.joinsPerSecond;
    this.#burstMs = 1_000;
  }

  /** Rooms whose schedule is kept. */
  get size(): number {
    return this.#freeAtMs.size;
  }

  /** Resolves when it is the caller's turn. Rejects with RATE_LIMITED when that would take too long. */
  async wait(roomId: string): Promise<void> {
    const { clock, maxWaitMs, onWait } = this.#options;
    const nowMs = clock.monotonicMs();
    if (this.#freeAtMs.size > 0) this.#forget(nowMs);
    const freeAtMs = Math.max(this.#freeAtMs.get(roomId) ?? nowMs, nowMs) + this.#intervalMs;
    const waitMs = freeAtMs - this.#burstMs - nowMs;
    if (waitMs > maxWaitMs) throw new CodedError("RATE_LIMITED", "Too many join this room just now. Try again.");
    this.#freeAtMs.set(roomId, freeAtMs);
    if (waitMs <= 0) return;
    onWait();
    await sleep(clock, waitMs);
  }

  /** The oldest entries first: a schedule that is free says nothing. */
  #forget(nowMs: number): void {
    for (const [roomId, freeAtMs] of this.#freeAtMs) {
      if (freeAtMs > nowMs) return;
      this.#freeAtMs.delete(roomId);
    }
  }
}
