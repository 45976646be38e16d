/** A timer that can be taken back. */
export interface Timer {
  /** Idempotent. */
  cancel(): void;
}

/** Where time comes from. Planners, sessions and reconcilers take one as an argument; only adapters own real timers. */
export interface Clock {
  /** Milliseconds since 1970, for what is stored, signed or shown. May jump. */
  nowMs(): number;
  /** Milliseconds since some start, for durations. Never goes back. */
  monotonicMs(): number;
  /** Calls back once after `delayMs`. */
  setTimer(delayMs: number, callback: () => void): Timer;
}

/** The real time. Timers do not keep the process alive. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  setTimer(delayMs, callback) {
    const timeout = setTimeout(callback, delayMs);
    timeout.unref();
    return { cancel: () => clearTimeout(timeout) };
  },
};

/** Calls back each `intervalMs`, first after one interval, until cancelled. */
export function setRepeatingTimer(clock: Clock, intervalMs: number, callback: () => void): Timer {
  let cancelled = false;
  let timer = clock.setTimer(intervalMs, fire);
  function fire(): void {
    // Armed before the call, so that a callback that cancels wins.
    timer = clock.setTimer(intervalMs, fire);
    callback();
    if (cancelled) timer.cancel();
  }
  return {
    cancel() {
      cancelled = true;
      timer.cancel();
    },
  };
}

/** Resolves after `delayMs`, or rejects with the signal's reason when it aborts first. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason as Error);
    const timer = clock.setTimer(delayMs, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    function onAbort(): void {
      timer.cancel();
      reject(signal?.reason as Error);
    }
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

/**
 * The promise, or a rejection with what `onTimeout` makes when it has not settled after `timeoutMs`. The promise itself
 * goes on; a later rejection of it is swallowed.
 */
export function withTimeout<T>(
  clock: Clock,
  timeoutMs: number,
  promise: Promise<T>,
  onTimeout: () => Error,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimer(timeoutMs, () => reject(onTimeout()));
    promise.then(resolve, reject).finally(() => timer.cancel());
  });
}
