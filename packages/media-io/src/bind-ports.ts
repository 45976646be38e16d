import { createServer, type Server } from "node:net";
import type { MediaIoOptions } from "./media-io.ts";

/** Ports the kernel offers for UDP may be taken for TCP: so many are tried. */
const ATTEMPTS = 16;

/**
 * Binds UDP (by `bindUdp`) and, where wanted, listens for TCP on the same number. With port 0 it tries further numbers
 * until one is free for both. Rejects with the error of the socket that failed.
 */
export async function bindPorts<Udp extends { readonly port: number; close(): void }>(
  options: MediaIoOptions,
  bindUdp: (port: number) => Udp | Promise<Udp>,
): Promise<{ readonly udp: Udp; readonly tcp: Server | undefined }> {
  for (let attempt = 1; ; attempt++) {
    const udp = await bindUdp(options.port);
    if (!options.tcp) return { udp, tcp: undefined };
    try {
      return { udp, tcp: await listen(options.host, udp.port) };
    } catch (error) {
      udp.close();
      if (options.port !== 0 || attempt === ATTEMPTS || !isAddressInUse(error)) throw error;
    }
  }
}

function listen(host: string, port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer({ noDelay: true });
    server.once("error", reject);
    server.listen({ host, port }, () => {
      server.off("error", reject);
      resolve(server);
    });
  });
}

function isAddressInUse(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EADDRINUSE";
}
