import { Event, Joined } from "@cation/proto/client/v1/client";
import type { ClientMessage, Response } from "@cation/proto/client/v1/client";
import { InspectResponse } from "@cation/proto/sfu/v1/sfu";
import type {
  DrainResponse,
  EndSessionRequest,
  ListRoomsResponse,
  RoomInfo,
  SessionDown,
  SessionUp,
  SfuService,
} from "@cation/proto/sfu/v1/sfu";
import { CodedError, toProtoError } from "@cation/service-kit/coded-error";
import { BoundedQueue } from "../bounded-queue.ts";

type Result = NonNullable<Response["result"]>;

/** One session stream as an sfu sees it. */
export class FakeSession {
  readonly requests: ClientMessage[] = [];
  readonly down = new BoundedQueue<SessionDown>(10_000);
  readonly first: SessionUp["up"];
  /** The up side ended. */
  ended = false;

  constructor(first: SessionUp["up"]) {
    this.first = first;
  }

  emit(event: Parameters<typeof Event.create>[0]): void {
    this.down.push({
      down: { $case: "message", value: { message: { $case: "event", value: Event.create(event ?? {}) } } },
    });
  }

  respond(requestId: number, result: Result): void {
    const value = { message: { $case: "response", value: { requestId, result } } } as const;
    this.down.push({ down: { $case: "message", value } });
  }
}

/** An sfu that knows sessions but no media. For tests of signal. */
export class FakeSfu implements SfuService {
  readonly sessions: FakeSession[] = [];
  readonly endedSessions: EndSessionRequest[] = [];
  /** Participants that can resume here. */
  readonly participants = new Set<string>();
  /** What to do with a new stream: serve it, refuse it with an error, throw it, or never answer. */
  onOpen: "serve" | "hang" | { refuse: CodedError } | { fail: CodedError } = "serve";
  rooms: RoomInfo[] = [];
  inspected = InspectResponse.create({});
  draining = false;
  /** Requests that get no answer. */
  silent = new Set<string>();

  async *session(ups: AsyncIterable<SessionUp>): AsyncGenerator<SessionDown> {
    const requests = ups[Symbol.asyncIterator]();
    const first = ((await requests.next()) as IteratorYieldResult<SessionUp>).value.up;
    const session = new FakeSession(first);
    this.sessions.push(session);
    if (this.onOpen === "hang") await new Promise(() => {});
    if (typeof this.onOpen === "object" && "fail" in this.onOpen) throw this.onOpen.fail;
    const refusal = this.#findRefusal(first);
    if (refusal) {
      yield { down: { $case: "refused", value: { reason: 0, error: toProtoError(refusal) } } };
      return;
    }
    yield { down: { $case: "opened", value: this.#describe(first) } };
    void this.#answer(requests, session);
    yield* session.down;
  }

  endSession(request: EndSessionRequest): Promise<object> {
    this.endedSessions.push(request);
    return Promise.resolve({});
  }

  inspect(): Promise<InspectResponse> {
    return Promise.resolve(this.inspected);
  }

  listRooms(): Promise<ListRoomsResponse> {
    return Promise.resolve({ rooms: this.rooms });
  }

  drain(): Promise<DrainResponse> {
    this.draining = true;
    return Promise.resolve({ sessions: this.sessions.length });
  }

  #findRefusal(first: SessionUp["up"]): CodedError | undefined {
    if (typeof this.onOpen === "object" && "refuse" in this.onOpen) return this.onOpen.refuse;
    const isLost = first?.$case === "resume" && !this.participants.has(first.value.participantId);
    return isLost ? new CodedError("SESSION_NOT_FOUND") : undefined;
  }

  #describe(first: SessionUp["up"]): Joined {
    if (first?.$case !== "open") return Joined.create({ eventsReplayed: true, eventSequence: 9 });
    const { participant, room } = first.value;
    this.participants.add(participant?.participantId ?? "");
    return Joined.create({
      participant: participant ?? {},
      room: room?.room ?? {},
      participantCount: 1,
      nodeId: "sfu-a",
    });
  }

  async #answer(requests: AsyncIterator<SessionUp>, session: FakeSession): Promise<void> {
    for (let next = await requests.next(); next.done !== true; next = await requests.next()) {
      if (next.value.up?.$case !== "request") continue;
      const message = next.value.up.value;
      session.requests.push(message);
      const kind = message.request?.$case ?? "";
      if (!this.silent.has(kind)) session.respond(message.requestId, answerTo(message));
    }
    session.ended = true;
    session.down.end();
  }
}

function answerTo({ request }: ClientMessage): Result {
  if (request?.$case !== "publisherOffer") return { $case: "done", value: {} };
  return request.value.sdp.startsWith("v=0")
    ? { $case: "publisherAnswer", value: { sdp: "v=0\r\n", tracks: [] } }
    : { $case: "error", value: toProtoError(new CodedError("SDP_INVALID")) };
}
