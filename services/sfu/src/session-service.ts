import type { SessionUp, SessionDown } from "@cation/proto/sfu/v1/sfu";
import { LeaveReason } from "@cation/proto/state/v1/state";
import { CodedError, toCodedError, toProtoError } from "@cation/service-kit/coded-error";
import { currentSpan, runInSpan, runOutsideSpan } from "@cation/service-kit/span";
import type { Logger } from "@cation/service-kit/logger";
import type { OpenedSession } from "./room.ts";
import type { RoomRegistry } from "./room-registry.ts";
import { SessionChannel } from "./session-channel.ts";

/** Room ids and participants that are named by others are no longer than this. */
const MAX_ID_BYTES = 512;

export interface SessionServiceOptions {
  readonly registry: RoomRegistry;
  readonly logger: Logger;
  /** Why no new session is taken, if none is. Throws. */
  readonly checkTakesWork: () => void;
}

/** Session streams of signal nodes: each opens or resumes one session, then carries its requests up and its events down. */
export class SessionService {
  readonly #options: SessionServiceOptions;

  constructor(options: SessionServiceOptions) {
    this.#options = options;
  }

  /** Serves one stream. */
  serve(requests: AsyncIterable<SessionUp>): AsyncIterable<SessionDown> {
    let opened: OpenedSession | undefined;
    const caller = currentSpan();
    const channel = new SessionChannel((closed) => opened?.session.detach(closed));
    const pump = async (): Promise<void> => {
      for await (const { up } of requests) {
        if (opened && up?.$case === "request") {
          const current = opened;
          void runInSpan(current.session.trace?.span, () => this.#answer(current, up.value, channel));
        } else if (!opened) {
          opened = runInSpan(caller, () => this.#begin(up, channel));
          if (!opened) break;
        }
      }
    };
    // The stream lives for hours, the join that it belongs to for seconds.
    runOutsideSpan(pump)
      .catch((error: unknown) => this.#options.logger.debug({ err: error }, "session stream broke"))
      .finally(() => {
        opened?.session.detach(channel);
        channel.end();
      });
    return channel;
  }

  /** Ends a session, if it is here. */
  end(roomId: string, participantId: string, reason: LeaveReason): void {
    this.#options.registry.get(roomId)?.sessions.get(participantId)?.session.end(reason);
  }

  /** Opens or resumes. Where that is refused, says so and gives nothing. */
  #begin(up: SessionUp["up"], channel: SessionChannel): OpenedSession | undefined {
    try {
      switch (up?.$case) {
        case "open":
          return this.#open(up.value, channel);
        case "resume":
          return this.#resume(up.value, channel);
        default:
          throw new CodedError("REQUEST_ORDER", "A session stream begins with open or resume.");
      }
    } catch (error) {
      const coded = toCodedError(error);
      if (coded.code === "INTERNAL") this.#options.logger.error({ err: error }, "session not opened");
      const refusal = { reason: LeaveReason.UNSPECIFIED, error: toProtoError(coded) };
      channel.send({ down: { $case: "refused", value: refusal } });
      return undefined;
    }
  }

  #open(request: Extract<SessionUp["up"], { $case: "open" }>["value"], channel: SessionChannel): OpenedSession {
    this.#options.checkTakesWork();
    const roomId = request.room?.room?.roomId ?? "";
    if (!isId(roomId) || !isId(request.participant?.participantId ?? "")) {
      throw new CodedError("MESSAGE_MALFORMED", "No participant or no room was named.");
    }
    const opened = this.#options.registry.open(request);
    opened.session.open(channel);
    return opened;
  }

  #resume(request: Extract<SessionUp["up"], { $case: "resume" }>["value"], channel: SessionChannel): OpenedSession {
    const room = this.#options.registry.get(request.roomId);
    const opened = room?.sessions.get(request.participantId);
    if (!opened) throw new CodedError("SESSION_NOT_FOUND");
    opened.session.resume(channel, request.lastEventSequence);
    return opened;
  }

  async #answer(
    { session, requests }: OpenedSession,
    message: Extract<SessionUp["up"], { $case: "request" }>["value"],
    channel: SessionChannel,
  ): Promise<void> {
    const response = await requests.answer(message);
    channel.send({ down: { $case: "message", value: { message: { $case: "response", value: response } } } });
    // The goodbye is answered before the stream ends.
    if (message.request?.$case === "leave") session.end(LeaveReason.LEFT);
  }
}

function isId(id: string): boolean {
  return id !== "" && Buffer.byteLength(id) <= MAX_ID_BYTES;
}
