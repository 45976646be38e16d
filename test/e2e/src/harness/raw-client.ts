import type { ClientMessage, ServerMessage } from "@cation/proto/client/v1/client";
import {
  ClientMessage as ClientMessageCodec,
  ServerMessage as ServerMessageCodec,
} from "@cation/proto/client/v1/client";

type ClientRequest = NonNullable<ClientMessage["request"]>;
type Received = NonNullable<ServerMessage["message"]>;

/** Why a connection ended. */
export interface Closing {
  readonly code: number;
  readonly reason: string;
}

/**
 * A client that follows no rules: sends whatever it is told over the JSON sub-protocol and keeps what comes back. For
 * tests of what a server does with bad input.
 */
export class RawClient {
  readonly received: Received[] = [];
  readonly #socket: WebSocket;
  readonly #waiting = new Set<() => void>();
  #closing: Closing | undefined;
  #lastRequestId = 0;

  /** Opens a connection. Rejects when the server does not take it. */
  static async open(url: string): Promise<RawClient> {
    const socket = new WebSocket(`${url.replace(/^http/, "ws")}/rtc`, "cation.v1.json");
    const client = new RawClient(socket);
    await new Promise<void>((resolve, reject) => {
      socket.addEventListener("open", () => resolve());
      socket.addEventListener("error", () => reject(new Error("The server refused the connection.")));
    });
    return client;
  }

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", (event: { readonly data: string }) => {
      const { message } = ServerMessageCodec.fromJSON(JSON.parse(event.data));
      if (message !== undefined) this.received.push(message);
      this.#wake();
    });
    socket.addEventListener("close", ({ code, reason }) => {
      this.#closing = { code, reason };
      this.#wake();
    });
  }

  get isOpen(): boolean {
    return this.#closing === undefined;
  }

  /** Sends bytes or text as they are. */
  sendRaw(data: string | Uint8Array<ArrayBuffer>): void {
    this.#socket.send(data);
  }

  /** Sends a request and waits for its result, an error included. */
  async request(
    request: ClientRequest,
  ): Promise<NonNullable<Extract<Received, { $case: "response" }>["value"]["result"]>> {
    const requestId = ++this.#lastRequestId;
    this.sendRaw(JSON.stringify(ClientMessageCodec.toJSON({ requestId, request })));
    const response = await this.waitFor(
      (message) => message.$case === "response" && message.value.requestId === requestId,
    );
    if (response.$case !== "response" || response.value.result === undefined) throw new Error("An empty response.");
    return response.value.result;
  }

  /** Sends a request that must be refused. Returns the error's code. */
  async refusal(request: ClientRequest): Promise<string> {
    const result = await this.request(request);
    return result.$case === "error" ? result.value.code : `not refused: ${result.$case}`;
  }

  join(token: string): ReturnType<RawClient["request"]> {
    return this.request({ $case: "join", value: { token, region: "", nodeId: "", autoSubscribe: true } });
  }

  /** Waits for a message, also one that has come already. */
  async waitFor(matches: (message: Received) => boolean, timeoutMs = 5_000): Promise<Received> {
    await this.#until(() => this.received.some(matches), timeoutMs, "No such message came.");
    return this.received.find(matches)!;
  }

  /** Waits until the server closes the connection. */
  async waitForClose(timeoutMs = 5_000): Promise<Closing> {
    await this.#until(() => this.#closing !== undefined, timeoutMs, "The server did not close the connection.");
    return this.#closing!;
  }

  close(): void {
    this.#socket.close(1000);
  }

  async #until(condition: () => boolean, timeoutMs: number, complaint: string): Promise<void> {
    const deadline = AbortSignal.timeout(timeoutMs);
    while (!condition()) {
      if (deadline.aborted) throw new Error(complaint);
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#waiting.delete(wake);
          deadline.removeEventListener("abort", wake);
          resolve();
        };
        this.#waiting.add(wake);
        deadline.addEventListener("abort", wake);
      });
    }
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}
