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

/** What a session takes from where it runs: connections, time, randomness. Nothing of a browser, so bots have it too. */
export interface SessionEnvironment {
  createSocket(url: string, protocol: string, handlers: SocketHandlers): Socket;
  /** Wall clock, milliseconds since 1970: tokens expire by it. */
  nowMs(): number;
  /** 0 ≤ x < 1; spreads retries. */
  random(): number;
  /** Calls `callback` once after `delayMs`, unless the returned function is called before. */
  setTimer(callback: () => void, delayMs: number): () => void;
}
