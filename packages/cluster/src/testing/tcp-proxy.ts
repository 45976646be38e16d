import { connect, createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";

/** A TCP relay that can fall silent without closing anything, as a network that drops packets does. */
export class TcpProxy {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;
  readonly #state: { swallowing: boolean };

  private constructor(port: number, server: Server, sockets: Set<Socket>, state: { swallowing: boolean }) {
    this.port = port;
    this.#server = server;
    this.#sockets = sockets;
    this.#state = state;
  }

  /** Listens on loopback and relays to a port of loopback. */
  static async start(targetPort: number): Promise<TcpProxy> {
    const sockets = new Set<Socket>();
    const state = { swallowing: false };
    const keep = (socket: Socket): void => {
      sockets.add(socket);
      socket.on("error", () => socket.destroy());
      socket.on("close", () => sockets.delete(socket));
    };
    const server = createServer((near) => {
      const far = connect(targetPort, "127.0.0.1");
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        keep(from);
        from.on("data", (data) => state.swallowing || to.write(data));
        from.on("end", () => state.swallowing || to.end());
      }
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new TcpProxy((server.address() as AddressInfo).port, server, sockets, state);
  }

  /** From now on nothing gets through and nobody is told. */
  swallow(): void {
    this.#state.swallowing = true;
  }

  /** Connections of before stay dead; new ones work. */
  restore(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#state.swallowing = false;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
