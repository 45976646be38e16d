import { CodedError, toCodedError } from "@cation/service-kit/coded-error";
import type { Duplex } from "./duplex.ts";
import { MessageQueue } from "./message-queue.ts";

/** The sending half of a stream. */
type Sender<Out> = Pick<Duplex<Out, unknown>, "write" | "end" | "abort" | "onDrain">;

/** Writes in order and waits where the stream says so. */
class PacedWriter<Out> {
  readonly #duplex: Sender<Out>;
  #closed = false;
  #wake: (() => void) | undefined;

  constructor(duplex: Sender<Out>) {
    this.#duplex = duplex;
    duplex.onDrain = () => this.#release();
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Resolves when the next message may be written. */
  async write(message: Out): Promise<void> {
    if (this.#closed || this.#duplex.write(message) || this.#closed) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }

  /** Nothing can be written any more; a waiting write goes on. */
  close(): void {
    this.#closed = true;
    this.#release();
  }

  #release(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}

/** Asks an iterator to let go of what it holds. Its answer interests nobody. */
function releaseIterator(iterator: AsyncIterator<unknown>): void {
  void Promise.resolve(iterator.return?.()).catch(() => {});
}

/**
 * Runs one method of a service, iterable in and iterable out, on a server's end of a stream.
 *
 * The requests end when the client finishes, cancels or is lost. A response iterable that ends or throws ends the call;
 * one whose client is gone is told by `return()`.
 */
export function serveIterable<In, Out>(
  duplex: Duplex<Out, In>,
  handle: (requests: AsyncIterable<In>) => AsyncIterable<Out>,
  onError: (error: unknown) => void,
): void {
  const requests = new MessageQueue<In>(duplex);
  const writer = new PacedWriter(duplex);
  let responses: AsyncIterator<Out> | undefined;
  duplex.onMessage = (message) => requests.push(message);
  duplex.onEnd = () => requests.end();
  duplex.onClose = () => {
    requests.end();
    writer.close();
    if (responses) releaseIterator(responses);
  };

  async function pump(): Promise<void> {
    try {
      responses = handle(requests)[Symbol.asyncIterator]();
      for (let next = await responses.next(); !next.done; next = await responses.next()) {
        await writer.write(next.value);
        if (writer.closed) return;
      }
      duplex.end();
    } catch (error) {
      onError(error);
      duplex.abort(toCodedError(error));
    } finally {
      // Whatever the client still sends is thrown away.
      requests.discard();
      duplex.resume();
    }
  }
  void pump();
}

/**
 * A client's stream as iterable in, iterable out. The call begins with the first iteration and can be iterated once.
 * Leaving the loop (or `return()`) cancels the call; an error of the call is thrown to the reader; the requests' iterator
 * is released when the call is over.
 */
export function iterateDuplex<Out, In>(
  open: () => Duplex<Out, In>,
  requests: AsyncIterable<Out> | Iterable<Out>,
): AsyncIterable<In> {
  return { [Symbol.asyncIterator]: () => startCall(open(), requests) };
}

function startCall<Out, In>(
  duplex: Duplex<Out, In>,
  requests: AsyncIterable<Out> | Iterable<Out>,
): AsyncIterableIterator<In> {
  const responses = new MessageQueue<In>(duplex);
  const writer = new PacedWriter(duplex);
  const source = toAsyncIterator(requests);
  duplex.onMessage = (message) => responses.push(message);
  duplex.onEnd = (error) => responses.end(error);
  duplex.onClose = () => {
    writer.close();
    releaseIterator(source);
  };
  void pumpRequests(duplex, writer, source, (error) => responses.end(error));

  function cancel(): Promise<IteratorResult<In>> {
    responses.discard();
    duplex.resume();
    duplex.abort();
    return Promise.resolve({ done: true, value: undefined });
  }
  const iterator: AsyncIterableIterator<In> = {
    next: () => responses.next(),
    return: cancel,
    [Symbol.asyncIterator]: () => iterator,
  };
  return iterator;
}

async function pumpRequests<Out>(
  duplex: Sender<Out>,
  writer: PacedWriter<Out>,
  source: AsyncIterator<Out>,
  onError: (error: CodedError) => void,
): Promise<void> {
  try {
    for (let next = await source.next(); !next.done; next = await source.next()) {
      if (writer.closed) return;
      await writer.write(next.value);
    }
    duplex.end();
  } catch (error) {
    onError(toCodedError(error));
    duplex.abort();
  }
}

function toAsyncIterator<T>(source: AsyncIterable<T> | Iterable<T>): AsyncIterator<T> {
  if (Symbol.asyncIterator in source) return source[Symbol.asyncIterator]();
  const iterator = source[Symbol.iterator]();
  return {
    next: () => Promise.resolve(iterator.next()),
    return: () => Promise.resolve(iterator.return?.() ?? { done: true, value: undefined }),
  };
}

/** The one response of a call that streams requests only. */
export async function collectResponse<In>(responses: AsyncIterable<In>): Promise<In> {
  for await (const response of responses) return response;
  throw new CodedError("MESSAGE_MALFORMED", "The call ended without a response.");
}
