import type { ClientMessage, Joined, ServerMessage } from "@cation/proto/client/v1/client";
import type { SessionDown, SessionUp, SfuService } from "@cation/proto/sfu/v1/sfu";
import { CodedError, fromProtoError, toCodedError } from "@cation/service-kit/coded-error";
import { withTimeout } from "@cation/service-kit/clock";
import type { Clock, Timer } from "@cation/service-kit/clock";
import { BoundedQueue } from "./bounded-queue.ts";

/** Requests of one client that wait for the link to the sfu. */
const MAX_WAITING_REQUESTS = 256;

/** How long the sfu has to end its side. */
const CLOSE_TIMEOUT_MS = 2000;

/** Told what comes from the sfu. */
export interface SessionStreamHandler {
  onMessage(message: ServerMessage): void;
  /** The stream is over and was not closed by us. Called once, last. */
  onEnd(error: CodedError): void;
}

/** Opens (or resumes) a session on an sfu. Rejects with what the sfu refused it with, or SFU_UNAVAILABLE. */
export async function openSessionStream(
  sfu: SfuService,
  first: NonNullable<SessionUp["up"]>,
  options: { readonly clock: Clock; readonly timeoutMs: number },
): Promise<{ stream: SessionStream; joined: Joined }> {
  const up = new BoundedQueue<SessionUp>(MAX_WAITING_REQUESTS);
  up.push({ up: first });
  let down: AsyncIterator<SessionDown> | undefined;
  try {
    down = sfu.session(up)[Symbol.asyncIterator]();
    const late = (): Error => new CodedError("SFU_UNAVAILABLE", "The media node did not answer in time.");
    const joined = readAnswer(await withTimeout(options.clock, options.timeoutMs, down.next(), late));
    return { stream: new SessionStream(up, down, options.clock), joined };
  } catch (error) {
    up.end();
    cancel(down);
    throw toCodedError(error, "SFU_UNAVAILABLE");
  }
}

/** Takes a stream back. Not awaited: an implementation that hangs in next() must not hang us. */
function cancel(down: AsyncIterator<SessionDown> | undefined): void {
  void down?.return?.().catch(() => undefined);
}

function readAnswer(answer: IteratorResult<SessionDown>): Joined {
  const down = answer.done === true ? undefined : answer.value.down;
  switch (down?.$case) {
    case "opened":
      return down.value;
    case "refused":
      throw down.value.error ? fromProtoError(down.value.error) : new CodedError("SESSION_NOT_FOUND");
    default:
      throw new CodedError("SFU_UNAVAILABLE", "The media node closed the session at once.");
  }
}

/** A client's session on an sfu: requests up, responses and events down. */
export class SessionStream {
  readonly #up: BoundedQueue<SessionUp>;
  readonly #down: AsyncIterator<SessionDown>;
  readonly #clock: Clock;
  #closed = false;
  #cancelTimer: Timer | undefined;

  constructor(up: BoundedQueue<SessionUp>, down: AsyncIterator<SessionDown>, clock: Clock) {
    this.#up = up;
    this.#down = down;
    this.#clock = clock;
  }

  /** False when too many requests wait. */
  send(request: ClientMessage): boolean {
    return this.#up.push({ up: { $case: "request", value: request } });
  }

  /** Hands on what comes down, until the end. Called once. */
  start(handler: SessionStreamHandler): void {
    void this.#pump(handler).catch((error: unknown) => this.#end(handler, toCodedError(error, "SFU_UNAVAILABLE")));
  }

  /**
   * Leaves the stream; the session stays on the sfu for its grace time. What was sent before is still delivered: the sfu
   * ends its side on the end of ours. Idempotent.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#up.end();
    this.#cancelTimer = this.#clock.setTimer(CLOSE_TIMEOUT_MS, () => cancel(this.#down));
  }

  async #pump(handler: SessionStreamHandler): Promise<void> {
    for (let next = await this.#down.next(); next.done !== true; next = await this.#down.next()) {
      if (!this.#closed && next.value.down?.$case === "message") handler.onMessage(next.value.down.value);
    }
    this.#end(handler, new CodedError("SFU_UNAVAILABLE", "The media node closed the link to the session."));
  }

  #end(handler: SessionStreamHandler, error: CodedError): void {
    const wasClosed = this.#closed;
    this.close();
    this.#cancelTimer?.cancel();
    if (!wasClosed) handler.onEnd(error);
  }
}
