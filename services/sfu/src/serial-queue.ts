/** Runs asynchronous steps one after another, in the order in which they were asked for. */
export class SerialQueue {
  #tail: Promise<unknown> = Promise.resolve();

  /** Settles as the step does. A step that fails does not stop those behind it. */
  run<T>(step: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(step, step);
    this.#tail = result.catch(() => undefined);
    return result;
  }
}
