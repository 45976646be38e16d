import type { ClientMessage, Event, Joined, Response } from "@cation/proto/client/v1/client";
import { fromProtoError } from "@cation/service-kit/coded-error";
import { withTimeout } from "@cation/service-kit/clock";
import type { Clock } from "@cation/service-kit/clock";

/** What a bot may ask. */
export type BotRequest = NonNullable<ClientMessage["request"]>;
/** What it is answered, errors left out. */
export type BotResult = Exclude<NonNullable<Response["result"]>, { $case: "error" }>;

export type Rejoin = "anew" | "moved" | "resumed";

/** Told what comes by itself. */
export interface LinkHandler {
  onEvent(event: Event): void;
  /**
   * A lost connection was made good. `anew`: by a new session, maybe on another node, so that nothing of the old one goes
   * on. `moved`: the same participant at another node, with new connections beside the old. `resumed`: the old session was
   * taken up, but `joined` replaces what was known of the room.
   */
  onRejoined(joined: Joined, how: Rejoin): void;
  /** No more comes. Called once. */
  onClosed(reason: string): void;
}

/** A bot's way to the server's control side: a WebSocket to signal, or a session stream of an sfu. */
export interface SignalLink {
  /** Rejects with a CodedError of the server, or an Error when the link is gone or the answer late. */
  request(request: BotRequest): Promise<BotResult>;
  /** Says goodbye and closes. Never rejects. */
  leave(): Promise<void>;
  /** Idempotent. */
  close(): void;
}

const REQUEST_DEADLINE_MS = 10_000;

/** Matches responses with requests. */
export class PendingRequests {
  readonly #clock: Clock;
  readonly #pending = new Map<number, { resolve(result: BotResult): void; reject(error: Error): void }>();
  #lastId = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Numbers a request and hands it to `send`. */
  ask(request: BotRequest, send: (message: ClientMessage) => void): Promise<BotResult> {
    const requestId = ++this.#lastId;
    const answer = new Promise<BotResult>((resolve, reject) => this.#pending.set(requestId, { resolve, reject }));
    send({ requestId, request });
    const late = (): Error => new Error(`no answer to ${request.$case} within ${REQUEST_DEADLINE_MS} ms`);
    return withTimeout(this.#clock, REQUEST_DEADLINE_MS, answer, late).finally(() => this.#pending.delete(requestId));
  }

  answer({ requestId, result }: Response): void {
    const pending = this.#pending.get(requestId);
    if (!pending || !result) return;
    if (result.$case === "error") pending.reject(fromProtoError(result.value));
    else pending.resolve(result);
  }

  rejectAll(reason: string): void {
    for (const pending of this.#pending.values()) pending.reject(new Error(reason));
    this.#pending.clear();
  }
}
