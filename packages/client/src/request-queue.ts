import { type CationError, asCationError, clientError } from "./errors.ts";
import type { ClientRequest, ClientResult, SignalConnection } from "./signal-connection.ts";

/** Requests that may wait at once; a further one is refused. */
export const MAX_WAITING_REQUESTS = 256;

interface WaitingRequest {
  readonly request: ClientRequest;
  resolve(result: ClientResult): void;
  reject(error: CationError): void;
  /** How often it was sent over a connection that stayed silent. */
  timeouts: number;
}

/**
 * Requests of one session, which outlive the connection that they were sent on: what a lost connection left
 * unanswered is sent again, in order, on the next one. So every request of the protocol has to be idempotent, and is.
 */
export class RequestQueue {
  readonly #deadlineMs: number;
  readonly #onSilent: () => void;
  readonly #waiting = new Set<WaitingRequest>();
  #connection: SignalConnection | undefined;

  /** `onSilent` is called when a request was not answered within `deadlineMs`: the connection is not to be trusted. */
  constructor(deadlineMs: number, onSilent: () => void) {
    this.#deadlineMs = deadlineMs;
    this.#onSilent = onSilent;
  }

  /** Sends, now or with the next connection. Rejects with the server's error, or as `rejectAll` says. */
  send(request: ClientRequest): Promise<ClientResult> {
    if (this.#waiting.size >= MAX_WAITING_REQUESTS) {
      return Promise.reject(
        clientError("TOO_MANY_REQUESTS_WAITING", `${MAX_WAITING_REQUESTS} requests are waiting for the server.`),
      );
    }
    return new Promise((resolve, reject) => {
      const waiting: WaitingRequest = { request, resolve, reject, timeouts: 0 };
      this.#waiting.add(waiting);
      if (this.#connection !== undefined) void this.#transmit(waiting, this.#connection);
    });
  }

  /** From now on requests go over `connection`, those that wait first. */
  attach(connection: SignalConnection): void {
    this.#connection = connection;
    for (const waiting of this.#waiting) void this.#transmit(waiting, connection);
  }

  /** From now on requests wait. */
  detach(): void {
    this.#connection = undefined;
  }

  /** Gives up every request that waits. */
  rejectAll(error: CationError): void {
    for (const waiting of this.#waiting) waiting.reject(error);
    this.#waiting.clear();
  }

  async #transmit(waiting: WaitingRequest, connection: SignalConnection): Promise<void> {
    try {
      const result = await connection.request(waiting.request, this.#deadlineMs);
      if (this.#waiting.delete(waiting)) waiting.resolve(result);
    } catch (thrown) {
      this.#failed(waiting, connection, asCationError(thrown, "PROTOCOL_ERROR", "The request could not be sent."));
    }
  }

  #failed(waiting: WaitingRequest, connection: SignalConnection, error: CationError): void {
    if (!this.#waiting.has(waiting)) return;
    const isSilent = error.code === "REQUEST_TIMED_OUT";
    if (isSilent) waiting.timeouts += 1;
    if (connection.isClosed || (isSilent && waiting.timeouts < 2)) {
      // It waits for the next connection, which a silent one is replaced by.
      if (isSilent && connection === this.#connection) this.#onSilent();
      return;
    }
    this.#waiting.delete(waiting);
    waiting.reject(error);
  }
}
