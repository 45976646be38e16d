/** Runs asynchronous tasks one after the other, in the order given: a peer connection is in one negotiation at a time. */
export class SerialQueue {
  #tail: Promise<unknown> = Promise.resolve();

  /** Settles as `task` does. A task that fails does not stop those after it. */
  run<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(task);
    this.#tail = result.catch(() => undefined);
    return result;
  }
}
