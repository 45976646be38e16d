import type { Socket, SocketHandlers } from "@cation/client/session-environment";

/**
 * Node's WebSocket as the SDK wants it. Messages are handed on as a browser does, promises settling between any two of
 * them: Node tells several frames of one read one after the other, and the SDK would miss the event behind an answer.
 */
export function openNodeSocket(url: string, protocol: string, handlers: SocketHandlers, isCut: () => boolean): Socket {
  const socket = new WebSocket(url, protocol);
  const waiting: (() => void)[] = [];
  const pump = async (): Promise<void> => {
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      next();
      await new Promise<void>((resolve) => process.nextTick(resolve));
      waiting.shift();
    }
  };
  const tell = (what: () => void): void => {
    waiting.push(what);
    if (waiting.length === 1) void pump();
  };
  socket.binaryType = "arraybuffer";
  socket.addEventListener("open", () => tell(() => handlers.onOpen()));
  socket.addEventListener("message", ({ data }: { data: string | ArrayBuffer }) =>
    tell(() => handlers.onMessage(typeof data === "string" ? data : new Uint8Array(data))),
  );
  socket.addEventListener("close", ({ code, reason }) => tell(() => handlers.onClose(code, reason)));
  return {
    send: (data) => {
      if (!isCut()) socket.send(data as Uint8Array<ArrayBuffer>);
    },
    close: (code, reason) => socket.close(code, reason),
  };
}
