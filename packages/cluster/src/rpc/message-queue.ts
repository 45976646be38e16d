import type { CodedError } from "@cation/service-kit/coded-error";

/** What fills a MessageQueue and can be told to wait. */
export interface QueueSource {
  pause(): void;
  resume(): void;
}

const HIGH_WATER_MESSAGES = 16;
const LOW_WATER_MESSAGES = 8;

/**
 * Turns pushed messages into pulled ones, for one reader. Bounded: at 16 waiting messages the source is paused; only what
 * it had under way still comes in.
 */
export class MessageQueue<T> implements AsyncIterable<T> {
  readonly #source: QueueSource;
  #messages: T[] = [];
  #head = 0;
  #paused = false;
  #ended = false;
  #error: CodedError | undefined;
  #reader: { resolve(result: IteratorResult<T>): void; reject(error: CodedError): void } | undefined;

  constructor(source: QueueSource) {
    this.#source = source;
  }

  push(message: T): void {
    if (this.#ended) return;
    if (this.#reader) {
      const reader = this.#reader;
      this.#reader = undefined;
      reader.resolve({ done: false, value: message });
      return;
    }
    this.#messages.push(message);
    if (!this.#paused && this.#waiting >= HIGH_WATER_MESSAGES) {
      this.#paused = true;
      this.#source.pause();
    }
  }

  /** No more messages. Those that wait are still read; then the reader sees the end, or the error. */
  end(error?: CodedError): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    const reader = this.#reader;
    this.#reader = undefined;
    if (!reader) return;
    if (error) reader.reject(error);
    else reader.resolve({ done: true, value: undefined });
    this.#error = undefined;
  }

  /** Ends at once and forgets what waits. */
  discard(): void {
    this.#messages = [];
    this.#head = 0;
    this.#error = undefined;
    this.end();
  }

  /** The next message. One reader: a call while another waits is a mistake of the caller and sees the end. */
  next(): Promise<IteratorResult<T>> {
    if (this.#waiting > 0) return Promise.resolve({ done: false, value: this.#shift() });
    if (this.#error) {
      const error = this.#error;
      this.#error = undefined;
      return Promise.reject(error);
    }
    if (this.#ended || this.#reader) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
    });
  }

  [Symbol.asyncIterator](): AsyncIterator<T> {
    return {
      next: () => this.next(),
      return: () => {
        this.discard();
        // What still comes is thrown away: a paused source would never see its own end.
        this.#resume();
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }

  get #waiting(): number {
    return this.#messages.length - this.#head;
  }

  #shift(): T {
    const message = this.#messages[this.#head] as T;
    this.#head += 1;
    if (this.#head === this.#messages.length) {
      this.#messages = [];
      this.#head = 0;
    }
    if (this.#waiting <= LOW_WATER_MESSAGES) this.#resume();
    return message;
  }

  #resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#source.resume();
  }
}
