import type { Clock, Timer } from "@cation/service-kit/clock";
import type { RequestKind } from "./client-request.ts";

/** Requests of one client that may wait for their answer at once. */
const MAX_PENDING = 256;

interface Pending {
  readonly kind: RequestKind;
  readonly timer: Timer;
}

/** Requests that were passed on and are not answered, each with its deadline. */
export class PendingRequests {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #onTimeout: (requestId: number, kind: RequestKind) => void;
  readonly #pending = new Map<number, Pending>();

  constructor(clock: Clock, timeoutMs: number, onTimeout: (requestId: number, kind: RequestKind) => void) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#onTimeout = onTimeout;
  }

  has(requestId: number): boolean {
    return this.#pending.has(requestId);
  }

  /** False when too many wait. */
  add(requestId: number, kind: RequestKind): boolean {
    if (this.#pending.size >= MAX_PENDING) return false;
    const timer = this.#clock.setTimer(this.#timeoutMs, () => {
      this.#pending.delete(requestId);
      this.#onTimeout(requestId, kind);
    });
    this.#pending.set(requestId, { kind, timer });
    return true;
  }

  /** Its kind, or undefined when it does not wait (any more). */
  take(requestId: number): RequestKind | undefined {
    const pending = this.#pending.get(requestId);
    pending?.timer.cancel();
    this.#pending.delete(requestId);
    return pending?.kind;
  }

  takeAll(): [requestId: number, kind: RequestKind][] {
    const all = [...this.#pending].map(([requestId, { kind }]): [number, RequestKind] => [requestId, kind]);
    this.clear();
    return all;
  }

  clear(): void {
    for (const { timer } of this.#pending.values()) timer.cancel();
    this.#pending.clear();
  }
}
