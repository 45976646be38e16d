import type { SessionDown } from "@cation/proto/sfu/v1/sfu";
import { CodedError } from "@cation/service-kit/coded-error";
import type { SessionStream } from "./participant-session.ts";

/** Messages that wait for a reader that does not keep up; beyond it the stream ends, and the client resumes. */
const MAX_WAITING = 2_048;

/** What a session sends on one stream, as the iterable that the stream is made of. One reader. */
export class SessionChannel implements SessionStream, AsyncIterable<SessionDown> {
  #waiting: SessionDown[] = [];
  #reader: ((result: Promise<IteratorResult<SessionDown>>) => void) | undefined;
  #ended = false;
  #error: CodedError | undefined;
  readonly #onReturn: () => void;

  /** @param onReturn the reader is gone, and nothing that is sent is read any more. */
  constructor(onReturn: (channel: SessionChannel) => void) {
    this.#onReturn = () => onReturn(this);
  }

  send(message: SessionDown): void {
    if (this.#ended) return;
    const reader = this.#takeReader();
    if (reader) return reader(Promise.resolve({ done: false, value: message }));
    this.#waiting.push(message);
    if (this.#waiting.length <= MAX_WAITING) return;
    this.#waiting = [];
    this.#error = new CodedError("STREAM_OVERFLOW");
    this.#finish();
    this.#onReturn();
  }

  end(): void {
    this.#finish();
  }

  [Symbol.asyncIterator](): AsyncIterator<SessionDown> {
    return {
      next: () => this.#next(),
      return: () => {
        this.#waiting = [];
        this.#finish();
        this.#onReturn();
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }

  #next(): Promise<IteratorResult<SessionDown>> {
    const message = this.#waiting.shift();
    if (message) return Promise.resolve({ done: false, value: message });
    if (this.#ended) return this.#last();
    return new Promise((resolve) => {
      this.#reader = resolve;
    });
  }

  #finish(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#takeReader()?.(this.#last());
  }

  #last(): Promise<IteratorResult<SessionDown>> {
    const error = this.#error;
    this.#error = undefined;
    return error ? Promise.reject(error) : Promise.resolve({ done: true, value: undefined });
  }

  #takeReader(): ((result: Promise<IteratorResult<SessionDown>>) => void) | undefined {
    const reader = this.#reader;
    this.#reader = undefined;
    return reader;
  }
}
