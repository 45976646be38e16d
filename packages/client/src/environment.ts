/** What a socket tells its owner. After `onClose` nothing else is called. */
export interface SocketHandlers {
  onOpen(): void;
  /** Binary frames as bytes, text frames as a string. */
  onMessage(data: Uint8Array | string): void;
  onClose(code: number, reason: string): void;
}

/** A WebSocket, reduced to what the SDK needs. */
export interface Socket {
  /** May be called only between `onOpen` and `onClose`. */
  send(data: Uint8Array): void;
  /** Idempotent. `onClose` follows. */
  close(code: number, reason: string): void;
}

/**
 * Everything the SDK takes from the browser that is not a value: connections, time, randomness, the network's state.
 * Tests give their own, so that a lost connection or a backoff takes no real time.
 */
export interface ClientEnvironment {
  createSocket(url: string, protocol: string, handlers: SocketHandlers): Socket;
  createPeerConnection(configuration: RTCConfiguration): RTCPeerConnection;
  /** Video codecs that the browser can send, its first choice first. */
  videoCodecs(): readonly RTCRtpCodec[];
  /** Wall clock, milliseconds since 1970: tokens expire by it. */
  nowMs(): number;
  /** 0 ≤ x < 1; spreads retries. */
  random(): number;
  /** Calls `callback` once after `delayMs`, unless the returned function is called before. */
  setTimer(callback: () => void, delayMs: number): () => void;
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
    videoCodecs: () => RTCRtpSender.getCapabilities("video")?.codecs ?? [],
    nowMs: () => Date.now(),
    random: () => Math.random(),
    setTimer(callback, delayMs) {
      const timer = setTimeout(callback, delayMs);
      return () => clearTimeout(timer);
    },
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
