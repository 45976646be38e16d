/** Encodings that a track has at most; with so many shed there is no video left. */
const MAX_LEVEL = 3;
/** So much longer than the shortest round trip, and the stream carries less than is written to it. */
const QUEUE_HIGH_MS = 200;
/** … and so much less, and it may carry more. */
const QUEUE_LOW_MS = 80;
/** What one level less has changed is seen after so long. */
const SHED_INTERVAL_MS = 400;
/** Before one more layer is let through again, and at most, when that was too much before. */
const MIN_RESTORE_MS = 3_000;
const MAX_RESTORE_MS = 30_000;
/** No picture at all is worse than one more attempt: the lowest encoding is tried again after so long. */
const BLIND_MS = 2_000;
/** The way may have become another: the shortest round trip is looked for again. */
const BASE_MEMORY_MS = 60_000;

/**
 * Which encodings still go on a reliable stream that carries less than is written to it. Late video is worth nothing, and
 * packets left out here and there spoil all of it: so whole encodings are left out, the highest of every track first, and come
 * back one by one. Told by writes that had to wait and by round trips that grow.
 */
export class LayerShedder {
  #level = 0;
  #changedAtMs = Number.NEGATIVE_INFINITY;
  #calmSinceMs = Number.NEGATIVE_INFINITY;
  #restoreMs = MIN_RESTORE_MS;
  #restoredAtMs = Number.NEGATIVE_INFINITY;
  #baseMs = Number.POSITIVE_INFINITY;
  #baseAtMs = Number.NEGATIVE_INFINITY;

  /** Encodings that are left out, from the top of three. */
  get level(): number {
    return this.#level;
  }

  passes(encoding: number): boolean {
    return encoding < MAX_LEVEL - this.#level || this.#level === 0;
  }

  /** What was written before waits still. */
  noteBlocked(nowMs: number): void {
    this.#overload(nowMs);
  }

  /** True: one more encoding goes from now on. */
  noteRoundTrip(roundTripMs: number, nowMs: number): boolean {
    if (roundTripMs <= this.#baseMs || nowMs - this.#baseAtMs >= BASE_MEMORY_MS) {
      this.#baseMs = roundTripMs;
      this.#baseAtMs = nowMs;
    }
    const queueMs = roundTripMs - this.#baseMs;
    if (queueMs >= QUEUE_HIGH_MS) {
      this.#overload(nowMs);
      return false;
    }
    if (queueMs > QUEUE_LOW_MS) this.#calmSinceMs = nowMs;
    return this.#restore(nowMs);
  }

  /** A new stream takes the place of the old one; what it carries is not known. */
  reset(): void {
    this.#baseMs = Number.POSITIVE_INFINITY;
    this.#baseAtMs = Number.NEGATIVE_INFINITY;
  }

  #overload(nowMs: number): void {
    this.#calmSinceMs = nowMs;
    if (this.#level >= MAX_LEVEL || nowMs - this.#changedAtMs < SHED_INTERVAL_MS) return;
    // What was let through again was too much: it is tried more seldom.
    const failed = nowMs - this.#restoredAtMs < this.#restoreMs;
    this.#restoreMs = failed ? Math.min(2 * this.#restoreMs, MAX_RESTORE_MS) : MIN_RESTORE_MS;
    this.#level += 1;
    this.#changedAtMs = nowMs;
  }

  #restore(nowMs: number): boolean {
    const waitMs = this.#level === MAX_LEVEL ? Math.min(this.#restoreMs, BLIND_MS) : this.#restoreMs;
    if (this.#level === 0 || nowMs - this.#calmSinceMs < waitMs) return false;
    if (nowMs - this.#changedAtMs < waitMs) return false;
    this.#level -= 1;
    this.#changedAtMs = nowMs;
    this.#restoredAtMs = nowMs;
    return true;
  }
}
