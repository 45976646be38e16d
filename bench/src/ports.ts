import { createSocket } from "node:dgram";

/** Finds `count` consecutive free UDP ports on loopback. They are free when found; a race for them shows as an error later. */
export async function freePorts(count: number): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const first = 20_000 + Math.floor(Math.random() * 10_000);
    if ((await isFree(first)) && (await isFree(first + count - 1)) && (await isFree(first + (count >> 1))))
      return first;
  }
  throw new Error(`No ${count} consecutive UDP ports are free on 127.0.0.1.`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket("udp4");
    socket.once("error", () => resolve(false));
    socket.bind(port, "127.0.0.1", () => socket.close(() => resolve(true)));
  });
}
