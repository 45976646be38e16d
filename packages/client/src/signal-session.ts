import { type Event, type Joined, type SessionEnded, SessionMove } from "@cation/proto/client/v1/client";
import { LeaveReason } from "@cation/proto/state/v1/state";
import { type TokenSource, renewalDelayMs, tokenExpiryMs } from "./access-token.ts";
import { backoffDelayMs } from "./backoff.ts";
import type { SessionEnvironment } from "./session-environment.ts";
import { CationError, asCationError, clientError, serverError } from "./errors.ts";
import { RequestQueue } from "./request-queue.ts";
import { DEFAULT_TIMING, type SessionTiming } from "./session-timing.ts";
import { type ClientRequest, type ClientResult, CloseCode, SignalConnection } from "./signal-connection.ts";

/**
 * - `connecting`: the first join is under way.
 * - `connected`: requests are answered.
 * - `reconnecting`: the connection was lost; media may well go on.
 * - `disconnected`: not begun, or over.
 */
export type SessionState = "disconnected" | "connecting" | "connected" | "reconnecting";

/**
 * How a connection was established: a first join, the old session taken up, the same participant at another node (new peer
 * connections, the same tracks), or a new session in its place.
 */
export type JoinMode = "joined" | "resumed" | "moved" | "rejoined";

export interface SessionOptions {
  /** WebSocket URLs of signal nodes; after a failure the next one is tried. */
  readonly urls: readonly string[];
  readonly token: TokenSource;
  readonly region: string;
  readonly nodeId: string;
  readonly autoSubscribe: boolean;
}

export interface SessionObserver {
  /** The session is established (again). Unless resumed with replay, `joined` replaces all that was known. */
  onJoined(joined: Joined, mode: JoinMode): void;
  /** Each event once, in order. */
  onEvent(event: Event): void;
  onStateChanged(state: SessionState, cause: CationError | undefined): void;
  /** Something failed that needs no reaction but may interest a person. */
  onError(error: CationError): void;
  /** The session is over and will not come back by itself. */
  onEnded(cause: CationError): void;
}

/** Ends for which a new join would be wrong: somebody else decided them. */
const FINAL_REASONS: ReadonlySet<LeaveReason> = new Set([LeaveReason.LEFT, LeaveReason.REPLACED, LeaveReason.REMOVED]);
const FINAL_CODES: ReadonlySet<string> = new Set(["SESSION_REPLACED", "PARTICIPANT_REMOVED"]);

/**
 * A participant's session: survives lost connections by resuming on any signal node, and lost sessions by joining
 * anew. Requests wait while there is no connection; events arrive once and in order.
 */
export class SignalSession {
  readonly #environment: SessionEnvironment;
  readonly #options: SessionOptions;
  readonly #timing: SessionTiming;
  readonly #observer: SessionObserver;
  readonly #requests: RequestQueue;
  #state: SessionState = "disconnected";
  #connection: SignalConnection | undefined;
  #token = "";
  #sessionToken = "";
  #lastSequence = 0;
  /** The event after which one was missing last time: missing again, it is gone for good. */
  #gapAfter: number | undefined;
  #lostAtMs = 0;
  #moving = false;
  #urlIndex = 0;
  #wake: (() => void) | undefined;
  #stopPing: (() => void) | undefined;
  #stopRenewal: (() => void) | undefined;

  constructor(
    environment: SessionEnvironment,
    options: SessionOptions,
    observer: SessionObserver,
    timing: SessionTiming = DEFAULT_TIMING,
  ) {
    this.#environment = environment;
    this.#options = options;
    this.#observer = observer;
    this.#timing = timing;
    this.#requests = new RequestQueue(timing.requestDeadlineMs, () => this.#dropConnection("the server is silent"));
  }

  get state(): SessionState {
    return this.#state;
  }

  /** Joins. Rejects when refused, or when no server could be reached within the time for it. Called once. */
  async join(): Promise<void> {
    this.#setState("connecting");
    try {
      await this.#establish(this.#timing.connectWithinMs, 0);
    } catch (thrown) {
      const error = asCationError(thrown, "PROTOCOL_ERROR", "The room could not be joined.");
      this.#end(error);
      throw error;
    }
  }

  /** Sends a request, when connected again if the connection is lost. Rejects with `SESSION_LOST` if it stays so. */
  request(request: ClientRequest): Promise<ClientResult> {
    if (this.#state === "disconnected") {
      return Promise.reject(clientError("NOT_CONNECTED", "The room is not connected."));
    }
    return this.#requests.send(request);
  }

  /** Gives the session up and joins anew, because `cause` cannot be healed otherwise. */
  rejoin(cause: CationError): void {
    if (this.#state !== "connected") return;
    this.#forgetSession(cause);
    this.#connection?.close(CloseCode.done, cause);
  }

  /** Says goodbye and ends. Resolves when the server knows, or after `deadlineMs`. The request is sent at once. */
  async leave(deadlineMs: number): Promise<void> {
    if (this.#state === "disconnected") return;
    const connection = this.#connection;
    const left = clientError("LEFT", "The room was left.");
    const goodbye = connection?.request({ $case: "leave", value: {} }, deadlineMs).catch(() => undefined);
    this.#connection = undefined;
    this.#end(left, goodbye === undefined ? undefined : connection);
    await goodbye;
    connection?.close(CloseCode.done, left);
  }

  /** The network changed: what waits tries at once, and a connection proves that it is alive. */
  checkNetwork(): void {
    if (this.#wake !== undefined) this.#wake();
    else if (this.#connection !== undefined) void this.#ping(this.#connection);
  }

  /** Tries until established; throws when refused for good or after `withinMs`. Only attempt 0 is made at once. */
  async #establish(withinMs: number, firstAttempt: number): Promise<void> {
    const startedAtMs = this.#environment.nowMs();
    let retriedToken = false;
    for (let attempt = firstAttempt; ; attempt += 1) {
      await this.#pause(backoffDelayMs(attempt, this.#timing.backoff, () => this.#environment.random()));
      if (this.#isOver()) throw clientError("LEFT", "The room was left.");
      const resuming = this.#canResume();
      try {
        return await this.#attempt(resuming);
      } catch (thrown) {
        const error = asCationError(thrown, "PROTOCOL_ERROR", "The server's answer could not be used.");
        if (FINAL_CODES.has(error.code)) throw error;
        if (isTokenError(error) && typeof this.#options.token === "function" && !retriedToken) {
          this.#token = "";
          retriedToken = true;
        } else if (resuming && !error.retryable) {
          this.#forgetSession(error);
        } else if (!error.retryable || this.#environment.nowMs() - startedAtMs >= withinMs) {
          throw error;
        }
      }
    }
  }

  /** Asked again after each wait: the caller may have left meanwhile. */
  #isOver(): boolean {
    return this.#state === "disconnected";
  }

  async #attempt(resuming: boolean): Promise<void> {
    const urls = this.#options.urls;
    const url = urls[this.#urlIndex % urls.length];
    if (url === undefined) throw clientError("NOT_CONNECTED", "No server address was given.");
    // Only a success keeps the address.
    this.#urlIndex += 1;
    const token = await this.#currentToken();
    const connection = await SignalConnection.open(
      this.#environment,
      url,
      { onEvent: (event) => this.#receive(connection, event), onClosed: (error) => this.#closed(connection, error) },
      this.#timing.openDeadlineMs,
    );
    try {
      if (this.#isOver()) throw clientError("LEFT", "The room was left.");
      const greeting = resuming ? this.#resume(token, SessionMove.IF_LOST) : this.#join(token);
      const joined = await this.#enter(connection, greeting);
      if (this.#isOver()) throw leaveLate(connection);
      this.#established(connection, joined, resuming);
      this.#urlIndex -= 1;
    } catch (thrown) {
      const error = asCationError(thrown, "PROTOCOL_ERROR", "The server's answer could not be used.");
      connection.close(CloseCode.done, error);
      throw error;
    }
  }

  async #enter(connection: SignalConnection, greeting: ClientRequest): Promise<Joined> {
    const answer = await connection.request(greeting, this.#timing.requestDeadlineMs);
    if (answer.$case === "joined") return answer.value;
    throw clientError("PROTOCOL_ERROR", "The server answered something else.");
  }

  #join(token: string): ClientRequest {
    const { region, nodeId, autoSubscribe } = this.#options;
    return { $case: "join", value: { token, region, nodeId, autoSubscribe } };
  }

  #resume(token: string, move: SessionMove): ClientRequest {
    const { region, autoSubscribe } = this.#options;
    const lastEventSequence = this.#lastSequence;
    const value = { sessionToken: this.#sessionToken, token, lastEventSequence, move, autoSubscribe, region };
    return { $case: "resume", value };
  }

  /** The node is leaving: the session goes on at another one, over the same connection. Asked again where that fails. */
  async #move(connection: SignalConnection): Promise<void> {
    if (this.#moving) return;
    this.#moving = true;
    try {
      const token = await this.#currentToken();
      const joined = await this.#enter(connection, this.#resume(token, SessionMove.NOW));
      if (connection === this.#connection) this.#established(connection, joined, true);
    } catch (thrown) {
      const error = asCationError(thrown, "PROTOCOL_ERROR", "The session could not go on at another node.");
      if (this.#state === "connected") this.#observer.onError(error);
    } finally {
      this.#moving = false;
    }
  }

  #established(connection: SignalConnection, joined: Joined, resumed: boolean): void {
    const mode = modeOf(joined, resumed, this.#state);
    this.#connection = connection;
    this.#sessionToken = joined.sessionToken;
    // What was asked of the session before is asked again of this one, by whoever still wants it.
    if (mode === "moved") this.#requests.rejectAll(clientError("SESSION_LOST", "The session went on at another node."));
    if (!resumed || !joined.eventsReplayed) {
      this.#lastSequence = joined.eventSequence;
      this.#gapAfter = undefined;
    }
    this.#setState("connected");
    this.#observer.onJoined(joined, mode);
    this.#requests.attach(connection);
    this.#schedulePing(connection);
    this.#scheduleRenewal();
    connection.takeHeldEvents();
  }

  #receive(connection: SignalConnection, event: Event): void {
    if (connection !== this.#connection || event.sequence <= this.#lastSequence) return;
    if (event.sequence !== this.#lastSequence + 1) {
      this.#recoverGap();
      return;
    }
    this.#lastSequence = event.sequence;
    if (event.event?.$case === "sessionEnded") this.#sessionEnded(event.event.value);
    else if (event.event?.$case === "moveRequested") void this.#move(connection);
    else this.#observer.onEvent(event);
  }

  /** Events are missing: a resumed connection repeats them. If it did not, the session is of no use. */
  #recoverGap(): void {
    const error = clientError("CONNECTION_LOST", "Events of the server were lost.");
    if (this.#gapAfter === this.#lastSequence) this.#forgetSession(error);
    this.#gapAfter = this.#lastSequence;
    this.#connection?.close(CloseCode.eventGap, error);
  }

  #sessionEnded(ended: SessionEnded): void {
    const error = ended.error === undefined ? endedBy(ended.reason) : serverError(ended.error);
    // The participant goes on at another node, where the server has kept its place.
    if (ended.reason !== LeaveReason.NODE_LOST) this.#forgetSession(error);
    const connection = this.#connection;
    if (FINAL_REASONS.has(ended.reason) || (!error.retryable && ended.reason !== LeaveReason.NODE_LOST)) {
      this.#connection = undefined;
      this.#end(error);
    }
    connection?.close(CloseCode.done, error);
  }

  #closed(connection: SignalConnection, error: CationError): void {
    if (connection !== this.#connection) return;
    this.#connection = undefined;
    this.#lostAtMs = this.#environment.nowMs();
    this.#requests.detach();
    this.#stopPing?.();
    this.#setState("reconnecting", error);
    const firstAttempt = error.code === "RATE_LIMITED" ? 2 : 0;
    this.#establish(this.#timing.reconnectWithinMs, firstAttempt).catch((thrown: unknown) => {
      if (this.#state === "reconnecting")
        this.#end(asCationError(thrown, "CONNECTION_LOST", "The connection was lost."));
    });
  }

  #dropConnection(why: string): void {
    this.#connection?.close(CloseCode.silent, clientError("CONNECTION_LOST", `The connection was given up: ${why}.`));
  }

  #canResume(): boolean {
    if (this.#sessionToken === "") return false;
    if (this.#environment.nowMs() - this.#lostAtMs <= this.#timing.sessionGraceMs) return true;
    this.#forgetSession(clientError("SESSION_LOST", "The connection was away for longer than the server waits."));
    return false;
  }

  #forgetSession(cause: CationError): void {
    if (this.#sessionToken === "") return;
    this.#sessionToken = "";
    this.#lastSequence = 0;
    this.#gapAfter = undefined;
    this.#requests.rejectAll(
      clientError("SESSION_LOST", `The session was given up before the server answered. ${cause.message}`, cause),
    );
  }

  async #currentToken(): Promise<string> {
    const source = this.#options.token;
    if (typeof source === "string") return source;
    const expiryMs = tokenExpiryMs(this.#token);
    if (this.#token === "" || (expiryMs !== undefined && expiryMs - this.#environment.nowMs() < 5_000)) {
      try {
        this.#token = await source();
      } catch (thrown) {
        throw asCationError(thrown, "TOKEN_UNAVAILABLE", "No access token could be obtained.");
      }
    }
    return this.#token;
  }

  #schedulePing(connection: SignalConnection): void {
    this.#stopPing?.();
    this.#stopPing = this.#environment.setTimer(() => void this.#ping(connection), this.#timing.pingIntervalMs);
  }

  async #ping(connection: SignalConnection): Promise<void> {
    try {
      await connection.request({ $case: "ping", value: {} }, this.#timing.pingDeadlineMs);
    } catch (thrown) {
      // An error is an answer too.
      const isSilent = thrown instanceof CationError && thrown.code === "REQUEST_TIMED_OUT";
      if (isSilent && connection === this.#connection) this.#dropConnection("the server is silent");
    }
    if (connection === this.#connection) this.#schedulePing(connection);
  }

  #scheduleRenewal(): void {
    this.#stopRenewal?.();
    this.#stopRenewal = undefined;
    const expiryMs = tokenExpiryMs(this.#token);
    if (typeof this.#options.token !== "function" || expiryMs === undefined) return;
    const delayMs = renewalDelayMs(expiryMs - this.#environment.nowMs());
    this.#stopRenewal = this.#environment.setTimer(() => void this.#renewToken(), Math.min(delayMs, 2 ** 31 - 1));
  }

  async #renewToken(): Promise<void> {
    try {
      this.#token = "";
      const token = await this.#currentToken();
      await this.request({ $case: "refreshToken", value: { token } });
      if (this.#state !== "disconnected") this.#scheduleRenewal();
    } catch (thrown) {
      if (this.#state === "disconnected") return;
      this.#observer.onError(asCationError(thrown, "TOKEN_UNAVAILABLE", "The access token could not be renewed."));
      this.#stopRenewal = this.#environment.setTimer(() => void this.#renewToken(), this.#timing.requestDeadlineMs);
    }
  }

  /** Waits, unless the network changes or the session ends meanwhile. */
  async #pause(delayMs: number): Promise<void> {
    if (delayMs === 0) return;
    await new Promise<void>((resolve) => {
      const stopTimer = this.#environment.setTimer(resolve, delayMs);
      this.#wake = () => {
        stopTimer();
        resolve();
      };
    });
    this.#wake = undefined;
  }

  /** Ends. `connection` is left open for a last request. */
  #end(cause: CationError, connection?: SignalConnection): void {
    if (this.#state === "disconnected") return;
    this.#setState("disconnected", cause);
    this.#stopPing?.();
    this.#stopRenewal?.();
    this.#requests.detach();
    this.#requests.rejectAll(cause);
    if (this.#connection !== connection) this.#connection?.close(CloseCode.done, cause);
    this.#wake?.();
    this.#observer.onEnded(cause);
  }

  #setState(state: SessionState, cause?: CationError): void {
    if (state === this.#state && cause === undefined) return;
    this.#state = state;
    this.#observer.onStateChanged(state, cause);
  }
}

/** The room was left while the server made a session: it is told so, instead of keeping it for its grace time. */
function leaveLate(connection: SignalConnection): CationError {
  connection.request({ $case: "leave", value: {} }, 1_000).catch(() => undefined);
  return clientError("LEFT", "The room was left.");
}

function modeOf(joined: Joined, resumed: boolean, state: SessionState): JoinMode {
  if (resumed) return joined.moved ? "moved" : "resumed";
  return state === "connecting" ? "joined" : "rejoined";
}

function isTokenError(error: CationError): boolean {
  return error.code.startsWith("TOKEN_");
}

function endedBy(reason: LeaveReason): CationError {
  switch (reason) {
    case LeaveReason.REPLACED:
      return new CationError("SESSION_REPLACED", "You joined this room again somewhere else.", false);
    case LeaveReason.REMOVED:
      return new CationError("PARTICIPANT_REMOVED", "You were removed from the room.", false);
    case LeaveReason.LEFT:
      return clientError("LEFT", "The room was left.");
    default:
      return clientError("SESSION_LOST", "The server gave the session up.");
  }
}
