import { type ElementWatcher, browserElementWatcher } from "./adaptive-stream.ts";
import type { SessionEnvironment, Socket, SocketHandlers } from "./session-environment.ts";

/**
 * Everything the SDK takes from the browser that is not a value: connections, time, randomness, the network's state.
 * Tests give their own, so that a lost connection or a backoff takes no real time.
 */
export interface ClientEnvironment extends SessionEnvironment {
  createPeerConnection(configuration: RTCConfiguration): RTCPeerConnection;
  /** Codecs that the browser can send, its first choice first. */
  codecs(kind: "audio" | "video"): readonly RTCRtpCodec[];
  /** Watches how elements of the page are shown. */
  readonly elements: ElementWatcher;
  /** Calls `callback` when the machine came online or changed its network, until the returned function is called. */
  onNetworkChange(callback: () => void): () => void;
}

interface NetworkInformation extends EventTarget {
  readonly type?: string;
}

/** The environment of a web page. */
export function browserEnvironment(): ClientEnvironment {
  return {
    createSocket: openBrowserSocket,
    createPeerConnection: (configuration) => new RTCPeerConnection(configuration),
    codecs: (kind) => RTCRtpSender.getCapabilities(kind)?.codecs ?? [],
    nowMs: () => Date.now(),
    random: () => Math.random(),
    setTimer(callback, delayMs) {
      const timer = setTimeout(callback, delayMs);
      return () => clearTimeout(timer);
    },
    elements: browserElementWatcher(),
    onNetworkChange: watchNetwork,
  };
}

function openBrowserSocket(url: string, protocol: string, handlers: SocketHandlers): Socket {
  const socket = new WebSocket(url, protocol);
  socket.binaryType = "arraybuffer";
  socket.onopen = () => handlers.onOpen();
  socket.onmessage = (event: MessageEvent<string | ArrayBuffer>) =>
    handlers.onMessage(typeof event.data === "string" ? event.data : new Uint8Array(event.data));
  // An error event says nothing that the close event after it does not.
  socket.onclose = (event) => handlers.onClose(event.code, event.reason);
  return {
    send: (data) => socket.send(data as Uint8Array<ArrayBuffer>),
    close: (code, reason) => socket.close(code, reason),
  };
}

function watchNetwork(callback: () => void): () => void {
  const stop = new AbortController();
  addEventListener("online", callback, { signal: stop.signal });
  const connection = (navigator as Navigator & { connection?: NetworkInformation }).connection;
  // "change" also fires when only the estimated bandwidth moved; another network has another type.
  let type = connection?.type;
  connection?.addEventListener(
    "change",
    () => {
      if (connection.type === type) return;
      type = connection.type;
      callback();
    },
    { signal: stop.signal },
  );
  return () => stop.abort();
}
