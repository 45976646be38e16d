import { SessionMove } from "@cation/proto/client/v1/client";
import type { Response, ServerMessage } from "@cation/proto/client/v1/client";
import { CodedError, toCodedError, toProtoError } from "@cation/service-kit/coded-error";
import { setRepeatingTimer } from "@cation/service-kit/clock";
import type { Clock, Timer } from "@cation/service-kit/clock";
import type { Logger } from "@cation/service-kit/logger";
import { runInSpan } from "@cation/service-kit/span";
import type { Tracer } from "@cation/service-kit/span";
import type { WebSocket } from "ws";
import type { ClientCodec } from "./client-codec.ts";
import type { ClientRequest, RequestKind, RequestOf } from "./client-request.ts";
import { CloseCode } from "./close-code.ts";
import { PendingRequests } from "./pending-requests.ts";
import { RateLimiter } from "./rate-limiter.ts";
import { checkRequestAllowed } from "./request-guard.ts";
import type { OpenedSession, SessionOpener } from "./session-opener.ts";
import type { SignalMetrics } from "./signal-metrics.ts";
import type { TokenClaims } from "./token-claims.ts";

/** Bounds of one connection; see signal-config.ts. */
export interface ConnectionLimits {
  readonly joinTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly pingIntervalMs: number;
  readonly tokenExpiryGraceMs: number;
  readonly requestsPerSecond: number;
  readonly requestBurst: number;
  readonly maxBufferedBytes: number;
}

export interface ClientConnectionDeps {
  readonly opener: SessionOpener;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: SignalMetrics;
  readonly limits: ConnectionLimits;
  readonly tracer?: Tracer | undefined;
  /** Called once, when the socket is gone. */
  readonly onClosed: (connection: ClientConnection) => void;
}

type Result = NonNullable<Response["result"]>;

/** A request costs one, and one more for each 16 KiB. */
const BYTES_PER_COST = 16_384;
/** Messages that cannot be used, and requests beyond the rate: this many at once, and one more a second. */
const OFFENCES_AT_ONCE = 30;
/** How long the other side has to answer a close frame. */
const CLOSE_TIMEOUT_MS = 2000;

/**
 * One WebSocket of a client: a pipe with a guard between the client and its session on the sfu. Every request is decoded,
 * bounded, checked against the token and passed on; responses and events come back. Keeps nothing that must survive it.
 */
export class ClientConnection {
  readonly #socket: WebSocket;
  readonly #codec: ClientCodec;
  readonly #deps: ClientConnectionDeps;
  readonly #requestRate: RateLimiter;
  readonly #offenceRate: RateLimiter;
  readonly #pending: PendingRequests;
  readonly #joinTimer: Timer;
  readonly #pingTimer: Timer;
  #closeTimer: Timer | undefined;
  #state: "new" | "entering" | "joined" | "closed" = "new";
  #joinDeadlinePassed = false;
  #moving = false;
  #session: OpenedSession | undefined;
  #claims: TokenClaims | undefined;
  #heardMs: number;

  constructor(socket: WebSocket, codec: ClientCodec, deps: ClientConnectionDeps) {
    const { clock, limits } = deps;
    this.#socket = socket;
    this.#codec = codec;
    this.#deps = deps;
    this.#heardMs = clock.monotonicMs();
    this.#requestRate = new RateLimiter(limits.requestsPerSecond, limits.requestBurst, this.#heardMs);
    this.#offenceRate = new RateLimiter(1, OFFENCES_AT_ONCE, this.#heardMs);
    this.#pending = new PendingRequests(clock, limits.requestTimeoutMs, (requestId, kind) =>
      this.#refuse(requestId, kind, new CodedError("DEADLINE_EXCEEDED", "The media node did not answer in time.")),
    );
    this.#joinTimer = clock.setTimer(limits.joinTimeoutMs, () => this.#onJoinDeadline());
    this.#pingTimer = setRepeatingTimer(clock, limits.pingIntervalMs, () => this.#onTick());
    socket.on("message", (data: Buffer, isBinary: boolean) => this.#onMessage(data, isBinary));
    socket.on("pong", () => (this.#heardMs = clock.monotonicMs()));
    socket.on("close", (code: number) => this.#onSocketClosed(code));
  }

  /** Closes the WebSocket; the session stays for its grace time. Idempotent. */
  close(code: CloseCode, reason: string): void {
    if (this.#state === "closed") return;
    this.#release();
    this.#socket.close(code, reason);
    this.#closeTimer = this.#deps.clock.setTimer(CLOSE_TIMEOUT_MS, () => this.#socket.terminate());
  }

  /** Cuts the connection without a word. */
  terminate(): void {
    this.#release();
    this.#socket.terminate();
  }

  #release(): void {
    this.#state = "closed";
    this.#joinTimer.cancel();
    this.#pingTimer.cancel();
    this.#pending.clear();
    this.#session?.stream.close();
  }

  #onSocketClosed(code: number): void {
    this.#release();
    this.#closeTimer?.cancel();
    this.#deps.metrics.closes.inc({ code: String(code) });
    this.#deps.onClosed(this);
  }

  #onJoinDeadline(): void {
    this.#joinDeadlinePassed = true;
    if (this.#state === "new") this.close(CloseCode.POLICY, "REQUEST_ORDER: no join in time");
  }

  #onTick(): void {
    const { clock, limits } = this.#deps;
    // Nothing for two intervals, though a ping was sent at the start of each.
    if (clock.monotonicMs() - this.#heardMs > 2 * limits.pingIntervalMs) return this.terminate();
    if (this.#claims && clock.nowMs() >= this.#claims.expiresAtMs + limits.tokenExpiryGraceMs) {
      return this.close(CloseCode.POLICY, "TOKEN_EXPIRED");
    }
    this.#socket.ping();
  }

  #onMessage(data: Buffer, isBinary: boolean): void {
    if (this.#state === "closed") return;
    const { clock } = this.#deps;
    this.#heardMs = clock.monotonicMs();
    const decoded = this.#codec.decode(data, isBinary);
    const kind = decoded.ok ? decoded.request.$case : "none";
    if (!this.#requestRate.take(1 + data.byteLength / BYTES_PER_COST, this.#heardMs)) {
      this.#refuse(decoded.requestId, kind, new CodedError("RATE_LIMITED"));
      return this.#countOffence(CloseCode.OVERLOADED, "RATE_LIMITED");
    }
    if (!decoded.ok) {
      this.#refuse(decoded.requestId, kind, decoded.error);
      return this.#countOffence(CloseCode.POLICY, decoded.error.code);
    }
    try {
      this.#handle(decoded.requestId, decoded.request);
    } catch (error) {
      this.#refuse(decoded.requestId, decoded.request.$case, toCodedError(error));
    }
  }

  #countOffence(code: CloseCode, reason: string): void {
    if (!this.#offenceRate.take(1, this.#heardMs)) this.close(code, reason);
  }

  #handle(requestId: number, request: ClientRequest): void {
    switch (request.$case) {
      case "join":
      case "resume":
        if (this.#state === "joined" && isMove(request)) return void this.#move(requestId, request.value);
        if (this.#state !== "new") throw new CodedError("REQUEST_ORDER", "This connection has entered a room already.");
        void this.#enter(requestId, request);
        return;
      case "ping":
        if (this.#state !== "joined") return this.#respond(requestId, "ping", { $case: "done", value: {} });
    }
    const { session, claims } = this.#requireSession();
    checkRequestAllowed(request, claims, this.#deps.clock.nowMs());
    if (request.$case === "refreshToken") void this.#refresh(requestId, request.value, claims);
    else this.#forward(requestId, request, session);
  }

  #requireSession(): { session: OpenedSession; claims: TokenClaims } {
    if (this.#session && this.#claims) return { session: this.#session, claims: this.#claims };
    throw new CodedError("REQUEST_ORDER", "Send join or resume first and wait for its answer.");
  }

  async #enter(requestId: number, request: Extract<ClientRequest, { $case: "join" | "resume" }>): Promise<void> {
    const { opener, clock, metrics, tracer } = this.#deps;
    const span = tracer?.root(request.$case, { kind: "server" });
    const startedMs = clock.monotonicMs();
    this.#state = "entering";
    try {
      const session = await runInSpan(span, () =>
        request.$case === "join" ? opener.join(request.value) : opener.resume(request.value),
      );
      const { roomId, participantId } = session.reference;
      span?.set({ "cation.room_id": roomId, "cation.participant_id": participantId });
      span?.end();
      if (this.#isClosed()) return session.abandon();
      metrics.joinDuration.observe({ kind: request.$case }, (clock.monotonicMs() - startedMs) / 1000);
      this.#begin(requestId, request.$case, session);
    } catch (error) {
      span?.end(error);
      if (this.#isClosed()) return;
      this.#state = "new";
      this.#refuse(requestId, request.$case, toCodedError(error));
      if (this.#joinDeadlinePassed) return this.close(CloseCode.POLICY, toCodedError(error).code);
      this.#countOffence(CloseCode.POLICY, toCodedError(error).code);
    }
  }

  /**
   * The participant goes on at another node: from the answer on this connection is its session there. The one before keeps
   * its media until the client lets go of it.
   */
  async #move(requestId: number, request: RequestOf<"resume">): Promise<void> {
    const before = this.#session;
    if (this.#moving) return this.#refuse(requestId, "resume", new CodedError("REQUEST_ORDER", "It moves already."));
    this.#moving = true;
    try {
      const session = await this.#deps.opener.resume(request);
      if (this.#isClosed()) return session.abandon();
      before?.stream.close();
      const moved = new CodedError("SESSION_NOT_FOUND", "The session went on at another node meanwhile.");
      for (const [pendingId, kind] of this.#pending.takeAll()) this.#refuse(pendingId, kind, moved);
      this.#begin(requestId, "resume", session);
    } catch (error) {
      this.#refuse(requestId, "resume", toCodedError(error));
    } finally {
      this.#moving = false;
    }
  }

  #begin(requestId: number, kind: RequestKind, session: OpenedSession): void {
    const { roomId, participantId } = session.reference;
    this.#state = "joined";
    this.#joinTimer.cancel();
    this.#session = session;
    this.#claims = session.claims;
    this.#deps.logger.debug({ roomId, participantId, kind, identity: session.claims.identity }, "session opened");
    this.#respond(requestId, kind, { $case: "joined", value: session.joined });
    session.stream.start({
      onMessage: (message) => {
        if (this.#session === session) this.#onSessionMessage(message);
      },
      onEnd: (error) => {
        if (this.#session === session) this.#onSessionLost(error);
      },
    });
  }

  async #refresh(requestId: number, { token }: RequestOf<"refreshToken">, current: TokenClaims): Promise<void> {
    try {
      this.#claims = await this.#deps.opener.refresh(token, current);
      this.#respond(requestId, "refreshToken", { $case: "done", value: {} });
    } catch (error) {
      this.#refuse(requestId, "refreshToken", toCodedError(error));
    }
  }

  #forward(requestId: number, request: ClientRequest, { stream }: OpenedSession): void {
    if (this.#pending.has(requestId)) {
      // Its number is taken: an answer with it would be taken for the answer to the other.
      const message = `The requestId ${requestId} is in use by a request that is not answered yet.`;
      return this.#refuse(0, request.$case, new CodedError("MESSAGE_MALFORMED", message));
    }
    if (!this.#pending.add(requestId, request.$case)) throw new CodedError("RATE_LIMITED", "Too many requests wait.");
    if (stream.send({ requestId, request })) return;
    this.#pending.take(requestId);
    throw new CodedError("RATE_LIMITED", "Too many requests wait.");
  }

  #onSessionMessage({ message }: ServerMessage): void {
    switch (message?.$case) {
      case "event":
        this.#send({ message });
        if (message.value.event?.$case === "sessionEnded") this.close(CloseCode.DONE, "");
        return;
      case "response": {
        const { requestId, result } = message.value;
        const kind = this.#pending.take(requestId);
        // Answered in the sfu's stead when it was too late.
        if (kind === undefined) return;
        this.#respond(requestId, kind, result);
        if (kind === "leave") this.close(CloseCode.DONE, "");
      }
    }
  }

  #onSessionLost(error: CodedError): void {
    for (const [requestId, kind] of this.#pending.takeAll()) this.#refuse(requestId, kind, error);
    this.close(CloseCode.INTERNAL, error.code);
  }

  #refuse(requestId: number, kind: RequestKind | "none", error: CodedError): void {
    if (error.code === "INTERNAL") this.#deps.logger.error({ err: error, kind }, "request failed");
    this.#respond(requestId, kind, { $case: "error", value: toProtoError(error) });
  }

  #respond(requestId: number, kind: RequestKind | "none", result: Result | undefined): void {
    this.#deps.metrics.requests.inc({ kind, code: result?.$case === "error" ? result.value.code : "OK" });
    this.#send({ message: { $case: "response", value: { requestId, result } } });
  }

  #send(message: ServerMessage): void {
    if (this.#state === "closed") return;
    if (this.#socket.bufferedAmount > this.#deps.limits.maxBufferedBytes) {
      return this.close(CloseCode.OVERLOADED, "STREAM_OVERFLOW");
    }
    this.#socket.send(this.#codec.encode(message));
  }

  #isClosed(): boolean {
    return this.#state === "closed";
  }
}

function isMove(request: ClientRequest): request is Extract<ClientRequest, { $case: "resume" }> {
  return request.$case === "resume" && request.value.move === SessionMove.NOW;
}
