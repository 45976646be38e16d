import { ClientMessage, ServerMessage } from "@cation/proto/client/v1/client";
import type { Clock } from "@cation/service-kit/clock";
import { PendingRequests } from "./signal-link.ts";
import type { BotRequest, BotResult, LinkHandler, SignalLink } from "./signal-link.ts";

const SUB_PROTOCOL = "cation.v1.proto";

/** Opens a WebSocket to signal (`ws://host:port/rtc`). Rejects when it cannot be opened. */
export function openWebSocketLink(url: string, clock: Clock, handler: LinkHandler): Promise<SignalLink> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, SUB_PROTOCOL);
    socket.binaryType = "arraybuffer";
    socket.addEventListener("error", () => reject(new Error(`cannot connect to ${url}`)));
    socket.addEventListener("open", () => resolve(new WebSocketLink(socket, clock, handler)));
  });
}

class WebSocketLink implements SignalLink {
  readonly #socket: WebSocket;
  readonly #pending: PendingRequests;

  constructor(socket: WebSocket, clock: Clock, handler: LinkHandler) {
    this.#socket = socket;
    this.#pending = new PendingRequests(clock);
    socket.addEventListener("message", ({ data }) => this.#receive(data, handler));
    socket.addEventListener("close", ({ code, reason }) => {
      const text = `WebSocket closed: ${code} ${reason}`.trim();
      this.#pending.rejectAll(text);
      handler.onClosed(text);
    });
  }

  request(request: BotRequest): Promise<BotResult> {
    return this.#pending.ask(request, (message) => {
      if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(ClientMessage.encode(message).finish());
    });
  }

  close(): void {
    this.#socket.close(1000);
  }

  #receive(data: unknown, handler: LinkHandler): void {
    if (!(data instanceof ArrayBuffer)) return;
    const { message } = ServerMessage.decode(new Uint8Array(data));
    if (message?.$case === "response") this.#pending.answer(message.value);
    else if (message?.$case === "event") handler.onEvent(message.value);
  }
}
