import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";

const HOST = "127.0.0.1";
const ATTEMPTS = 20;

/** A port of loopback that was free a moment ago, for TCP and for UDP. */
export async function findFreePort(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = await findFreeTcpPort(0);
    if (port !== undefined && (await isUdpPortFree(port))) return port;
  }
  throw new Error(`No port of ${HOST} is free for both TCP and UDP.`);
}

/** The wished port when it is free, or another one. */
export async function findFreePortNear(wished: number): Promise<number> {
  return (await findFreeTcpPort(wished)) ?? findFreePort();
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
