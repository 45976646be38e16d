import type { MediaIoHandler } from "./media-io.ts";
import { CompletionQueue } from "./completion-queue.ts";
import { ReceiveQueue } from "./receive-queue.ts";

/**
 * Brings to the handler, at the end of a turn of the event loop, what the turn has brought: never from inside a call
 * into MediaIo, and never from inside the handler.
 */
export class Delivery {
  readonly received = new ReceiveQueue();
  readonly completions = new CompletionQueue();
  #handler: MediaIoHandler | undefined;
  #due: NodeJS.Immediate | undefined;
  /** Hands over what native code has gathered; runs with each delivery. */
  readonly #drainMore: ((handler: MediaIoHandler) => void) | undefined;

  constructor(drainMore?: (handler: MediaIoHandler) => void) {
    this.#drainMore = drainMore;
  }

  /** `undefined` before the start and after the end. */
  get handler(): MediaIoHandler | undefined {
    return this.#handler;
  }

  start(handler: MediaIoHandler): void {
    this.#handler = handler;
  }

  /** Asks for a delivery at the end of this turn. */
  soon(): void {
    if (this.#handler === undefined) return;
    this.#due ??= setImmediate(() => this.now());
  }

  /** Delivers. Only where the event loop, and no caller of MediaIo, is on the stack. */
  now(): void {
    clearImmediate(this.#due);
    this.#due = undefined;
    if (!this.received.empty) this.#handler?.onReceive(this.received.take());
    if (!this.completions.empty) this.#handler?.onCompletions(this.completions.take());
    if (this.#handler !== undefined) this.#drainMore?.(this.#handler);
  }

  /** Nothing is delivered any more. */
  stop(): void {
    this.#handler = undefined;
    clearImmediate(this.#due);
  }
}
