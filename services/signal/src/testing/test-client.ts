import { ClientMessage, ServerMessage } from "@cation/proto/client/v1/client";
import type { Event, Response } from "@cation/proto/client/v1/client";
import { WebSocket } from "ws";
import type { ClientRequest } from "../client-request.ts";

export type SubProtocol = "cation.v1.json" | "cation.v1.proto";

/** How a WebSocket ended. */
export interface Closing {
  readonly code: number;
  readonly reason: string;
}

/** A client of signal for tests: numbers requests, matches responses, keeps events. */
export class TestClient {
  readonly events: Event[] = [];
  readonly closed: Promise<Closing>;
  readonly socket: WebSocket;
  readonly #subProtocol: SubProtocol;
  readonly #waiting = new Map<number, (response: Response) => void>();
  readonly #eventWaiters: (() => void)[] = [];
  #nextId = 1;

  /** Rejects with the HTTP status when the upgrade is refused. */
  static async connect(port: number, subProtocol: SubProtocol = "cation.v1.json"): Promise<TestClient> {
    const client = new TestClient(new WebSocket(`ws://127.0.0.1:${port}/rtc`, subProtocol), subProtocol);
    await new Promise((resolve, reject) => {
      client.socket.once("open", resolve);
      client.socket.once("error", reject);
    });
    client.socket.on("error", () => undefined);
    return client;
  }

  private constructor(socket: WebSocket, subProtocol: SubProtocol) {
    this.socket = socket;
    this.#subProtocol = subProtocol;
    this.closed = new Promise((resolve) =>
      socket.once("close", (code: number, reason: Buffer) => resolve({ code, reason: reason.toString() })),
    );
    socket.on("message", (data: Buffer) => this.#receive(data));
  }

  request(request: ClientRequest, requestId = this.#nextId++): Promise<Response> {
    const message = ClientMessage.create({ requestId, request } as Parameters<typeof ClientMessage.create>[0]);
    const isJson = this.#subProtocol === "cation.v1.json";
    return this.raw(
      isJson ? JSON.stringify(ClientMessage.toJSON(message)) : ClientMessage.encode(message).finish(),
      requestId,
    );
  }

  /** Sends a frame as it is and awaits the response with that number. */
  raw(frame: string | Uint8Array, requestId: number): Promise<Response> {
    const response = this.expectResponse(requestId);
    this.socket.send(frame);
    return response;
  }

  expectResponse(requestId: number): Promise<Response> {
    return new Promise((resolve) => this.#waiting.set(requestId, resolve));
  }

  /** The nth event, counted from 0, once it is there. */
  async event(index: number): Promise<Event> {
    while (this.events.length <= index) await new Promise<void>((resolve) => this.#eventWaiters.push(resolve));
    return this.events[index] as Event;
  }

  #receive(data: Buffer): void {
    const message =
      this.#subProtocol === "cation.v1.json"
        ? ServerMessage.fromJSON(JSON.parse(data.toString()))
        : ServerMessage.decode(data);
    if (message.message?.$case === "event") {
      this.events.push(message.message.value);
      for (const wake of this.#eventWaiters.splice(0)) wake();
    } else if (message.message) {
      const { requestId } = message.message.value;
      this.#waiting.get(requestId)?.(message.message.value);
      this.#waiting.delete(requestId);
    }
  }
}

/** The error code of a response, or what it was answered with. */
export function outcome({ result }: Response): string {
  return result?.$case === "error" ? result.value.code : (result?.$case ?? "nothing");
}
