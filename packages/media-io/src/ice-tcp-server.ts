import type { Server, Socket } from "node:net";
import type { IceTcpLimits, RemoteAddress } from "./media-io.ts";
import { peerAddress } from "./remote-address.ts";
import { RemoteMap } from "./remote-map.ts";
import { SLOT_BYTES } from "./ring-packet-store.ts";
import { FRAME_HEADER_BYTES, TcpFrameReader } from "./tcp-framing.ts";

const SWEEP_INTERVAL_MS = 1000;

/** What the server tells its owner. */
export interface IceTcpHandler {
  /** A packet from a peer; valid during the call, and the callee may change it. */
  onFrame(frame: Uint8Array, remote: RemoteAddress): void;
  /** A stream that makes no sense was closed, or a connection was refused for want of room. */
  onRejected(): void;
  onClosed(remote: RemoteAddress): void;
}

/** How a packet was taken. */
export type IceTcpSendResult = "sent" | "slow-reader" | "unknown-peer";

interface Connection {
  readonly socket: Socket;
  readonly remote: RemoteAddress;
  readonly reader: TcpFrameReader;
  /** Whether a transport uses it. */
  claimed: boolean;
  /** When it last became unclaimed. */
  unclaimedSinceMs: number;
  lastReadMs: number;
  corked: boolean;
}

/** Passive ICE-TCP (RFC 6544 §4): accepts peers and exchanges framed packets (RFC 4571). Every peer's share is bounded. */
export class IceTcpServer {
  readonly #server: Server;
  readonly #handler: IceTcpHandler;
  readonly #limits: Required<IceTcpLimits>;
  /** In order of arrival. */
  readonly #connections = new Set<Connection>();
  readonly #byRemote = new RemoteMap<Connection>();
  readonly #corked: Connection[] = [];
  readonly #sweeper: NodeJS.Timeout;
  #closed = false;

  /** `server` listens already. Call this in the turn in which it began to, or peers could be missed. */
  constructor(server: Server, handler: IceTcpHandler, limits: IceTcpLimits = {}) {
    this.#server = server;
    this.#handler = handler;
    this.#limits = {
      maxConnections: limits.maxConnections ?? 1024,
      unclaimedTimeoutMs: limits.unclaimedTimeoutMs ?? 10_000,
      idleTimeoutMs: limits.idleTimeoutMs ?? 30_000,
      maxBufferedBytes: limits.maxBufferedBytes ?? 256 * 1024,
    };
    server.on("connection", (socket) => this.#accept(socket));
    // After listening, errors are those of accepting (no descriptors left): the peer tries again.
    server.on("error", () => handler.onRejected());
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_INTERVAL_MS);
    this.#sweeper.unref();
  }

  /** Number of open connections. */
  get size(): number {
    return this.#connections.size;
  }

  /** Keeps a peer's connection for a transport, or gives it back; an unclaimed one is closed after a while. */
  claim(remote: RemoteAddress, claimed: boolean): void {
    const connection = this.#find(remote);
    if (connection === undefined) return;
    connection.claimed = claimed;
    if (!claimed) connection.unclaimedSinceMs = performance.now();
  }

  /** Ends a peer's connection. `onClosed` follows. */
  disconnect(remote: RemoteAddress): void {
    this.#find(remote)?.socket.destroy();
  }

  /** Sends a packet, copied before the call returns. Written with others of this turn on {@link flush}. */
  send(remote: RemoteAddress, packet: Uint8Array): IceTcpSendResult {
    const connection = this.#find(remote);
    if (connection === undefined || connection.socket.destroyed) return "unknown-peer";
    const frame = Buffer.allocUnsafe(FRAME_HEADER_BYTES + packet.length);
    if (connection.socket.writableLength + frame.length > this.#limits.maxBufferedBytes) {
      return "slow-reader";
    }
    frame.writeUInt16BE(packet.length, 0);
    frame.set(packet, FRAME_HEADER_BYTES);
    if (!connection.corked) {
      connection.corked = true;
      connection.socket.cork();
      this.#corked.push(connection);
    }
    connection.socket.write(frame);
    return "sent";
  }

  /** Lets go what `send` has gathered. */
  flush(): void {
    for (const connection of this.#corked) {
      connection.corked = false;
      connection.socket.uncork();
    }
    this.#corked.length = 0;
  }

  /** Stops listening and ends all connections without telling. Idempotent. */
  close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#closed = true;
    clearInterval(this.#sweeper);
    for (const connection of this.#connections) connection.socket.destroy();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  #find(remote: RemoteAddress): Connection | undefined {
    return this.#byRemote.get("tcp", remote.address, remote.port);
  }

  #accept(socket: Socket): void {
    const { remoteAddress, remotePort } = socket;
    if (this.#closed || remoteAddress === undefined || remotePort === undefined) {
      socket.destroy();
      return;
    }
    if (this.#connections.size >= this.#limits.maxConnections) {
      this.#handler.onRejected();
      const oldest = this.#oldestUnclaimed();
      if (oldest === undefined) {
        socket.destroy();
        return;
      }
      this.#remove(oldest);
    }
    const nowMs = performance.now();
    const connection: Connection = {
      socket,
      remote: { protocol: "tcp", address: peerAddress(remoteAddress), port: remotePort },
      reader: new TcpFrameReader(SLOT_BYTES),
      claimed: false,
      unclaimedSinceMs: nowMs,
      lastReadMs: nowMs,
      corked: false,
    };
    this.#connections.add(connection);
    this.#byRemote.set(connection.remote, connection);
    const onFrame = (frame: Uint8Array): boolean => {
      this.#handler.onFrame(frame, connection.remote);
      return !socket.destroyed;
    };
    socket.on("data", (chunk) => this.#read(connection, chunk, onFrame));
    // A reset is no news: "close" follows.
    socket.on("error", () => {});
    socket.on("close", () => this.#remove(connection));
  }

  #read(connection: Connection, chunk: Buffer, onFrame: (frame: Uint8Array) => boolean): void {
    connection.lastReadMs = performance.now();
    if (connection.reader.push(chunk, onFrame)) return;
    this.#handler.onRejected();
    connection.socket.destroy();
  }

  #remove(connection: Connection): void {
    if (!this.#connections.delete(connection)) return;
    connection.socket.destroy();
    this.#byRemote.delete(connection.remote);
    if (!this.#closed) this.#handler.onClosed(connection.remote);
  }

  #oldestUnclaimed(): Connection | undefined {
    for (const connection of this.#connections) {
      if (!connection.claimed) return connection;
    }
    return undefined;
  }

  #sweep(): void {
    const nowMs = performance.now();
    const { idleTimeoutMs, unclaimedTimeoutMs } = this.#limits;
    for (const connection of this.#connections) {
      const idle = nowMs - connection.lastReadMs > idleTimeoutMs;
      const unclaimed = !connection.claimed && nowMs - connection.unclaimedSinceMs > unclaimedTimeoutMs;
      if (idle || unclaimed) connection.socket.destroy();
    }
  }
}
