type Listener<Args extends unknown[]> = (...args: Args) => void;

/**
 * Typed events of the SDK's outer edge. `Events` maps a name to the listener's arguments. A listener that throws is
 * reported like any uncaught error and disturbs neither the others nor the emitter.
 */
export class Emitter<Events extends { [Name in keyof Events]: unknown[] }> {
  readonly #listeners = new Map<keyof Events, Set<Listener<never>>>();

  /** Calls `listener` on every event of that name until the returned function is called. */
  on<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): () => void {
    let listeners = this.#listeners.get(name);
    if (listeners === undefined) this.#listeners.set(name, (listeners = new Set()));
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  /** Calls the listeners in the order in which they were added. */
  protected emit<Name extends keyof Events>(name: Name, ...args: Events[Name]): void {
    const listeners = this.#listeners.get(name);
    if (listeners === undefined) return;
    for (const listener of [...listeners] as Listener<Events[Name]>[]) {
      try {
        listener(...args);
      } catch (error) {
        reportError(error);
      }
    }
  }
}

/** Rethrows outside of the current call, where the page's error handler sees it. */
function reportError(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
