import type { Subscription } from "./event-bus.ts";

/** Handlers of one thing. May change while they are called: one that is added meanwhile is not called, one removed neither. */
export class HandlerSet<Arguments extends unknown[]> {
  #handlers: { readonly call: (...args: Arguments) => void; active: boolean }[] = [];

  get size(): number {
    return this.#handlers.length;
  }

  add(call: (...args: Arguments) => void): Subscription {
    const entry = { call, active: true };
    this.#handlers = [...this.#handlers, entry];
    return {
      unsubscribe: () => {
        entry.active = false;
        this.#handlers = this.#handlers.filter((other) => other !== entry);
      },
    };
  }

  clear(): void {
    for (const entry of this.#handlers) entry.active = false;
    this.#handlers = [];
  }

  /** Calls all; returns how many ran and how many of these threw. */
  call(...args: Arguments): { called: number; failed: number } {
    let called = 0;
    let failed = 0;
    for (const entry of this.#handlers) {
      if (!entry.active) continue;
      called += 1;
      try {
        entry.call(...args);
      } catch {
        failed += 1;
      }
    }
    return { called, failed };
  }
}
