import { createSocket, type Socket } from "node:dgram";
import { isIPv6 } from "node:net";

/** Wanted socket buffers where the options name none. */
export const DEFAULT_SOCKET_BUFFER_BYTES = 4 * 1024 * 1024;

/** A bound UDP socket of Node, with buffers as large as the kernel gives. */
export interface BoundUdpSocket {
  readonly socket: Socket;
  readonly port: number;
  readonly family: 4 | 6;
  /** Says what to change where the kernel gave smaller buffers. */
  readonly warnings: readonly string[];
  close(): void;
}

/** Binds; rejects with the socket's error (EADDRINUSE, EADDRNOTAVAIL …). */
export function bindUdpSocket(host: string, port: number, bufferBytes: number): Promise<BoundUdpSocket> {
  const family = isIPv6(host) ? 6 : 4;
  const socket = createSocket({
    type: family === 6 ? "udp6" : "udp4",
    // All addresses are numeric: without this, each send would visit the resolver.
    lookup: (hostname, _options, callback) => callback(null, hostname, family),
  });
  return new Promise((resolve, reject) => {
    const failed = (error: Error): void => {
      socket.close();
      reject(error);
    };
    socket.once("error", failed);
    socket.bind({ address: host, port }, () => {
      socket.off("error", failed);
      const warnings = setBuffers(socket, bufferBytes);
      const close = (): void => void socket.close();
      resolve({ socket, port: socket.address().port, family, warnings, close });
    });
  });
}

/** The text both backends use where the kernel gives a smaller buffer than wanted. */
export function socketBufferWarning(
  option: "SO_RCVBUF" | "SO_SNDBUF",
  wantedBytes: number,
  givenBytes: number,
): string {
  const sysctl = option === "SO_RCVBUF" ? "net.core.rmem_max" : "net.core.wmem_max";
  return `${option}: wanted ${wantedBytes} bytes, the kernel gives ${givenBytes}; raise it: sysctl -w ${sysctl}=${wantedBytes}`;
}

function setBuffers(socket: Socket, wantedBytes: number): string[] {
  const warnings: string[] = [];
  // Linux reports twice what it grants, for its own bookkeeping (socket(7)).
  const factor = process.platform === "linux" ? 2 : 1;
  const attempt = (set: (bytes: number) => void): void => {
    try {
      set(wantedBytes);
    } catch {
      // Some systems refuse instead of granting less; what is in force is read below.
    }
  };
  attempt((bytes) => socket.setRecvBufferSize(bytes));
  attempt((bytes) => socket.setSendBufferSize(bytes));
  const receiveBytes = socket.getRecvBufferSize() / factor;
  const sendBytes = socket.getSendBufferSize() / factor;
  if (receiveBytes < wantedBytes) {
    warnings.push(socketBufferWarning("SO_RCVBUF", wantedBytes, receiveBytes));
  }
  if (sendBytes < wantedBytes) {
    warnings.push(socketBufferWarning("SO_SNDBUF", wantedBytes, sendBytes));
  }
  return warnings;
}
