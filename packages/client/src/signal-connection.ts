import { ClientMessage, type Event, type Response, ServerMessage } from "@cation/proto/client/v1/client";
import type { SessionEnvironment, Socket } from "./session-environment.ts";
import { CationError, clientError, serverError } from "./errors.ts";

export type ClientRequest = NonNullable<ClientMessage["request"]>;
/** What a request is answered with, errors excluded: those reject. */
export type ClientResult = Exclude<NonNullable<Response["result"]>, { $case: "error" }>;

/** WebSocket sub-protocol: protobuf in binary frames. */
export const SUB_PROTOCOL = "cation.v1.proto";

/** Close codes that this client gives (RFC 6455 §7.4.2, private use). */
export const CloseCode = {
  /** It has finished. */
  done: 1000,
  /** An event is missing; the next connection asks for it again. */
  eventGap: 4000,
  /** A request or ping was not answered in time. */
  silent: 4001,
  /** The server sent what cannot be read. */
  unreadable: 4002,
} as const;

/** Close code of a server that wants to be left alone for a while. */
const CLOSED_AS_OVERLOADED = 1013;

export interface SignalConnectionObserver {
  onEvent(event: Event): void;
  /** Called once, when an open connection is gone. Every waiting request was rejected before, with the same error. */
  onClosed(error: CationError): void;
}

interface WaitingRequest {
  resolve(result: ClientResult): void;
  reject(error: CationError): void;
  stopTimer(): void;
}

/**
 * One WebSocket to a signal node. Numbers requests, matches responses to them, hands events on. Knows nothing of
 * sessions, and is not used again once closed.
 */
export class SignalConnection {
  readonly #environment: SessionEnvironment;
  readonly #observer: SignalConnectionObserver;
  readonly #waiting = new Map<number, WaitingRequest>();
  readonly #socket: Socket;
  #opened: { resolve(): void; reject(error: CationError): void } | undefined;
  #lastRequestId = 0;
  #closedBy: CationError | undefined;
  #isOpen = false;
  /** Events behind an answer that began a session, until whoever asked has taken the answer. */
  #held: Event[] | undefined;

  /** Opens a connection. Rejects with `SIGNAL_UNREACHABLE`, after `deadlineMs` at the latest. */
  static async open(
    environment: SessionEnvironment,
    url: string,
    observer: SignalConnectionObserver,
    deadlineMs: number,
  ): Promise<SignalConnection> {
    const connection = new SignalConnection(environment, url, observer);
    const stopTimer = environment.setTimer(() => connection.close(CloseCode.silent, unreachable(url)), deadlineMs);
    try {
      await new Promise<void>((resolve, reject) => (connection.#opened = { resolve, reject }));
    } finally {
      stopTimer();
    }
    return connection;
  }

  private constructor(environment: SessionEnvironment, url: string, observer: SignalConnectionObserver) {
    this.#environment = environment;
    this.#observer = observer;
    this.#socket = environment.createSocket(url, SUB_PROTOCOL, {
      onOpen: () => {
        this.#isOpen = true;
        this.#opened?.resolve();
      },
      onMessage: (data) => this.#receive(data),
      onClose: (code, reason) => this.#finish(this.#isOpen ? closedByServer(code, reason) : unreachable(url)),
    });
  }

  get isClosed(): boolean {
    return this.#closedBy !== undefined;
  }

  /** Sends a request. Rejects with the server's error, `REQUEST_TIMED_OUT`, or what closed the connection. */
  request(request: ClientRequest, deadlineMs: number): Promise<ClientResult> {
    if (this.#closedBy !== undefined) return Promise.reject(this.#closedBy);
    const requestId = ++this.#lastRequestId;
    return new Promise((resolve, reject) => {
      const stopTimer = this.#environment.setTimer(() => {
        this.#waiting.delete(requestId);
        reject(clientError("REQUEST_TIMED_OUT", `The server did not answer "${request.$case}" in time.`));
      }, deadlineMs);
      this.#waiting.set(requestId, { resolve, reject, stopTimer });
      this.#socket.send(ClientMessage.encode({ requestId, request }).finish());
    });
  }

  /** Hands on the events that came behind the answer to a join or resume: they belong to the session that it began. */
  takeHeldEvents(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const event of held) this.#observer.onEvent(event);
  }

  /** Closes and rejects what waits, with `error`. Idempotent. */
  close(code: number, error: CationError): void {
    if (this.#closedBy !== undefined) return;
    this.#socket.close(code, "");
    this.#finish(error);
  }

  #receive(data: Uint8Array | string): void {
    if (this.#closedBy !== undefined) return;
    const message = typeof data === "string" ? undefined : decode(data);
    if (message === undefined) {
      this.close(CloseCode.unreadable, clientError("PROTOCOL_ERROR", "The server sent a message that cannot be read."));
    } else if (message.message?.$case === "event") {
      if (this.#held === undefined) this.#observer.onEvent(message.message.value);
      else this.#held.push(message.message.value);
    } else if (message.message?.$case === "response") {
      this.#respond(message.message.value);
    }
    // Any other message is of a newer server and not meant for this client.
  }

  #respond(response: Response): void {
    const waiting = this.#waiting.get(response.requestId);
    if (waiting === undefined) return;
    this.#waiting.delete(response.requestId);
    waiting.stopTimer();
    const result = response.result;
    if (result === undefined) {
      waiting.reject(clientError("PROTOCOL_ERROR", "The server sent an answer that this client does not know."));
    } else if (result.$case === "error") {
      waiting.reject(serverError(result.value));
    } else {
      if (result.$case === "joined") this.#held = [];
      waiting.resolve(result);
    }
  }

  #finish(error: CationError): void {
    if (this.#closedBy !== undefined) return;
    this.#closedBy = error;
    for (const waiting of this.#waiting.values()) {
      waiting.stopTimer();
      waiting.reject(error);
    }
    this.#waiting.clear();
    if (this.#isOpen) this.#observer.onClosed(error);
    else this.#opened?.reject(error);
  }
}

function decode(data: Uint8Array): ServerMessage | undefined {
  try {
    return ServerMessage.decode(data);
  } catch {
    return undefined;
  }
}

/** docs/protocol.md, "Closing". */
function closedByServer(code: number, reason: string): CationError {
  const detail = reason === "" ? `code ${code}` : `code ${code}: ${reason}`;
  return code === CLOSED_AS_OVERLOADED
    ? new CationError("RATE_LIMITED", `The server is overloaded and closed the connection (${detail}).`, true)
    : clientError("CONNECTION_LOST", `The connection to the server was lost (${detail}).`);
}

function unreachable(url: string): CationError {
  return clientError("SIGNAL_UNREACHABLE", `The server at ${new URL(url).host} could not be reached.`);
}
