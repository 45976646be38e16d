import type { Joined } from "@cation/proto/client/v1/client";
import type { OpenSession, ResumeSession, SessionDown, SessionUp, SfuService } from "@cation/proto/sfu/v1/sfu";
import type { Clock } from "@cation/service-kit/clock";
import { fromProtoError } from "@cation/service-kit/coded-error";
import { PendingRequests } from "./signal-link.ts";
import type { BotRequest, BotResult, LinkHandler, SignalLink } from "./signal-link.ts";

/** How a session stream begins. */
export type SessionStart = { $case: "open"; value: OpenSession } | { $case: "resume"; value: ResumeSession };

/** An open link, and the answer to open or resume. */
export interface OpenedLink {
  readonly link: SignalLink;
  readonly joined: Joined;
}

/** Speaks to an sfu directly, as signal does. Rejects with what the sfu refused the session with. */
export async function openSessionLink(
  sfu: SfuService,
  start: SessionStart,
  clock: Clock,
  handler: LinkHandler,
): Promise<OpenedLink> {
  const up = new UpQueue();
  up.push({ up: start });
  const down = sfu.session(up)[Symbol.asyncIterator]();
  const first = await down.next();
  const answer = first.done === true ? undefined : first.value.down;
  if (answer?.$case === "refused" && answer.value.error) throw fromProtoError(answer.value.error);
  if (answer?.$case !== "opened") throw new Error("the sfu closed the session at once");
  return { link: new SessionLink(up, down, clock, handler), joined: answer.value };
}

class SessionLink implements SignalLink {
  readonly #up: UpQueue;
  readonly #down: AsyncIterator<SessionDown>;
  readonly #pending: PendingRequests;

  constructor(up: UpQueue, down: AsyncIterator<SessionDown>, clock: Clock, handler: LinkHandler) {
    this.#up = up;
    this.#down = down;
    this.#pending = new PendingRequests(clock);
    this.#pump(handler)
      .then(() => "session stream ended")
      .catch((error: unknown) => `session stream broke: ${String(error)}`)
      .then((reason) => {
        this.#pending.rejectAll(reason);
        handler.onClosed(reason);
      })
      .catch(() => undefined);
  }

  request(request: BotRequest): Promise<BotResult> {
    return this.#pending.ask(request, (message) => this.#up.push({ up: { $case: "request", value: message } }));
  }

  async leave(): Promise<void> {
    await this.request({ $case: "leave", value: {} }).catch(() => undefined);
    this.close();
  }

  close(): void {
    this.#up.end();
    void this.#down.return?.().catch(() => undefined);
  }

  async #pump(handler: LinkHandler): Promise<void> {
    for (let next = await this.#down.next(); next.done !== true; next = await this.#down.next()) {
      const { down } = next.value;
      if (down?.$case !== "message") continue;
      const { message } = down.value;
      if (message?.$case === "response") this.#pending.answer(message.value);
      else if (message?.$case === "event") handler.onEvent(message.value);
    }
  }
}

/** Requests on their way. A bot has few at a time. */
class UpQueue implements AsyncIterable<SessionUp> {
  readonly #waiting: SessionUp[] = [];
  #wake: (() => void) | undefined;
  #ended = false;

  push(message: SessionUp): void {
    this.#waiting.push(message);
    this.#wake?.();
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<SessionUp> {
    while (!this.#ended) {
      const message = this.#waiting.shift();
      if (message) {
        yield message;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}
