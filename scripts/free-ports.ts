import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";

const HOST = "127.0.0.1";
const ATTEMPTS = 50;

/** Finds ports of loopback that are free for TCP and UDP, and gives none out twice. */
export class FreePorts {
  readonly #given = new Set<number>();

  /** The wished port when it is free, or any. */
  async take(wished = 0): Promise<number> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const port = await findFreeTcpPort(attempt === 0 ? wished : 0);
      if (port === undefined || this.#given.has(port) || !(await isUdpPortFree(port))) continue;
      this.#given.add(port);
      return port;
    }
    throw new Error(`No port of ${HOST} is free for both TCP and UDP.`);
  }
}

function findFreeTcpPort(wished: number): Promise<number | undefined> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once("error", () => resolve(undefined));
    server.listen(wished, HOST, () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

function isUdpPortFree(port: number): Promise<boolean> {
  const socket = createSocket("udp4");
  return new Promise((resolve) => {
    socket.once("error", () => resolve(false));
    socket.bind(port, HOST, () => socket.close(() => resolve(true)));
  });
}
