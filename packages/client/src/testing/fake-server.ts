import {
  ClientMessage,
  type Event,
  type Joined,
  type PublisherOffer,
  type Response,
  ServerMessage,
  SessionMove,
} from "@cation/proto/client/v1/client";
import type { Error as WireError } from "@cation/proto/common/v1/common";
import type { Participant, Track } from "@cation/proto/state/v1/state";
import type { Socket, SocketHandlers } from "../session-environment.ts";
import type { ClientRequest } from "../signal-connection.ts";

type Result = NonNullable<Response["result"]>;
type EventBody = NonNullable<Event["event"]>;

type ValueOf<Case extends ClientRequest["$case"]> = Extract<ClientRequest, { $case: Case }>["value"];

/** One client's session as a server keeps it. */
class FakeSession {
  readonly token: string;
  readonly participant: Participant;
  readonly events: Event[] = [];
  readonly trackIdByMid = new Map<string, string>();
  constructor(token: string, participant: Participant) {
    this.token = token;
    this.participant = participant;
  }
}

/** A server's end of a socket. */
export class FakeServerSocket {
  readonly url: string;
  readonly handlers: SocketHandlers;
  readonly received: ClientRequest[] = [];
  session: FakeSession | undefined;
  closeCode: number | undefined;

  constructor(url: string, handlers: SocketHandlers) {
    this.url = url;
    this.handlers = handlers;
  }

  get isOpen(): boolean {
    return this.closeCode === undefined;
  }

  send(message: NonNullable<ServerMessage["message"]>): void {
    if (this.isOpen) this.handlers.onMessage(ServerMessage.encode({ message }).finish());
  }

  close(code: number, reason = ""): void {
    if (!this.isOpen) return;
    this.closeCode = code;
    this.handlers.onClose(code, reason);
  }
}

/**
 * signal and sfu as a client sees them, with the faults that a client must survive: connections refused or cut, answers
 * lost, events lost or repeated, sessions forgotten.
 */
export class FakeServer {
  readonly sockets: FakeServerSocket[] = [];
  readonly requests: ClientRequest[] = [];
  participants: Participant[] = [];
  tracks: Track[] = [];
  isReachable = true;
  /** Hears but says nothing. */
  isSilent = false;
  /** Requests to carry out without an answer, by case. */
  readonly loseAnswersTo = new Set<string>();
  /** Errors to answer with, by case. */
  readonly refusals = new Map<string, WireError>();
  /** Resumes without the missed events. */
  forgetsEvents = false;
  /** Resumes at another node, where the client can do that. */
  nodeIsLost = false;
  sessions: FakeSession[] = [];
  #joins = 0;
  #moves = 0;
  #trackCount = 0;

  /** For SessionEnvironment.createSocket. */
  readonly createSocket = (url: string, _protocol: string, handlers: SocketHandlers): Socket => {
    const socket = new FakeServerSocket(url, handlers);
    this.sockets.push(socket);
    queueMicrotask(() => (this.isReachable ? handlers.onOpen() : socket.close(1006)));
    return {
      send: (data) => this.#receive(socket, data),
      close: (code, reason) => queueMicrotask(() => socket.close(code, reason)),
    };
  };

  /** The newest socket. */
  get socket(): FakeServerSocket {
    return this.sockets.at(-1)!;
  }

  /** Cuts every connection. */
  cut(code = 1006): void {
    for (const socket of this.sockets) socket.close(code);
  }

  /** Numbers an event for the newest session and sends it, `copies` times (0: it gets lost). */
  event(event: EventBody, copies = 1): void {
    const session = this.sessions.at(-1)!;
    const numbered: Event = { sequence: session.events.length + 1, event };
    session.events.push(numbered);
    for (let copy = 0; copy < copies; copy += 1) this.#socketOf(session)?.send({ $case: "event", value: numbered });
  }

  /** Requests of one kind, as they came in. */
  received<Case extends ClientRequest["$case"]>(name: Case): ValueOf<Case>[] {
    return this.requests.filter((request) => request.$case === name).map((request) => request.value as ValueOf<Case>);
  }

  #socketOf(session: FakeSession): FakeServerSocket | undefined {
    return this.sockets.find((socket) => socket.session === session && socket.isOpen);
  }

  #receive(socket: FakeServerSocket, data: Uint8Array): void {
    const { requestId, request } = ClientMessage.decode(data);
    if (request === undefined || this.isSilent) return;
    this.requests.push(request);
    socket.received.push(request);
    queueMicrotask(() => {
      const refusal = this.refusals.get(request.$case);
      const result: Result =
        refusal === undefined ? this.#carryOut(socket, request) : { $case: "error", value: refusal };
      if (this.loseAnswersTo.delete(request.$case)) return;
      socket.send({ $case: "response", value: { requestId, result } });
      if (request.$case === "resume" && result.$case === "joined" && result.value.eventsReplayed) {
        const missed = socket.session?.events.slice(request.value.lastEventSequence) ?? [];
        // Each message is a task of its own in a browser.
        for (const event of missed) setImmediate(() => socket.send({ $case: "event", value: event }));
      }
    });
  }

  #carryOut(socket: FakeServerSocket, request: ClientRequest): Result {
    switch (request.$case) {
      case "join": {
        this.#joins += 1;
        const session = new FakeSession(`session-${this.#joins}`, fakeParticipant(`me-${this.#joins}`, "me"));
        this.sessions.push(session);
        socket.session = session;
        return { $case: "joined", value: this.#joined(session, false) };
      }
      case "resume": {
        const session = this.sessions.find((one) => one.token === request.value.sessionToken);
        if (session === undefined) return refusal("SESSION_NOT_FOUND", false);
        const { move } = request.value;
        if (move === SessionMove.NOW || (this.nodeIsLost && move === SessionMove.IF_LOST)) {
          return { $case: "joined", value: this.#moved(socket, session) };
        }
        socket.session = session;
        return { $case: "joined", value: this.#joined(session, !this.forgetsEvents) };
      }
      case "publisherOffer":
        return this.#publish(socket.session!, request.value);
      default:
        return { $case: "done", value: {} };
    }
  }

  /** The participant's session at another node. */
  #moved(socket: FakeServerSocket, before: FakeSession): Joined {
    this.#moves += 1;
    const session = new FakeSession(`moved-${this.#moves}`, before.participant);
    this.sessions.push(session);
    socket.session = session;
    return { ...this.#joined(session, false), nodeId: "node-2", moved: true };
  }

  #publish(session: FakeSession, offer: PublisherOffer): Result {
    for (const { mid, trackId } of offer.tracks) {
      if (session.trackIdByMid.has(mid)) continue;
      session.trackIdByMid.set(mid, trackId === "" ? `track-${++this.#trackCount}` : trackId);
    }
    const tracks = [...session.trackIdByMid].map(([mid, trackId]) => ({
      mid,
      trackId,
      participantId: session.participant.participantId,
    }));
    return { $case: "publisherAnswer", value: { sdp: "answer", tracks } };
  }

  #joined(session: FakeSession, eventsReplayed: boolean): Joined {
    return {
      sessionToken: session.token,
      participant: session.participant,
      room: { roomId: "room", epoch: 1, version: 1, createdAtMs: 0, maxParticipants: 0 },
      participants: [...this.participants, session.participant],
      tracks: this.tracks,
      participantCount: this.participants.length + 1,
      iceServers: [],
      eventsReplayed,
      eventSequence: session.events.length,
      moved: false,
      nodeId: "node-1",
    };
  }
}

export function refusal(code: string, retryable: boolean): Extract<Result, { $case: "error" }> {
  return { $case: "error", value: { code, message: `${code} in words.`, retryable } };
}

export function fakeParticipant(participantId: string, name: string): Participant {
  return { participantId, identity: name, name, grants: undefined, nodeId: "node-1", joinedAtMs: 0, metadata: "" };
}

export function fakeTrack(trackId: string, participantId: string, kind: "audio" | "video"): Track {
  return {
    trackId,
    participantId,
    nodeId: "node-1",
    kind: kind === "audio" ? 1 : 2,
    source: kind === "audio" ? 2 : 1,
    name: "",
    muted: false,
    codecs: [],
    encodings: [],
  };
}
