import { createSocket } from "node:dgram";

/** A small generator of numbers, the same for the same seed (mulberry32). */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** First bytes that a media port tells protocols apart by: STUN, DTLS, RTP and RTCP (RFC 7983), and none of them. */
const FIRST_BYTES = [0, 1, 20, 22, 23, 63, 128, 129, 144, 191, 64, 127, 200, 255];

/**
 * Sends datagrams of random bytes to a port, each fourth of them purely random, the others with a first byte that lets
 * them pass for something. Slowly enough that the kernel drops none.
 */
export async function sendNoise(port: number, count: number, seed: number): Promise<void> {
  const random = createRandom(seed);
  const socket = createSocket("udp4");
  try {
    for (let sent = 0; sent < count; sent += 1) {
      const bytes = Uint8Array.from({ length: 1 + Math.floor(random() * 1400) }, () => Math.floor(random() * 256));
      const first = FIRST_BYTES[Math.floor(random() * FIRST_BYTES.length)];
      if (sent % 4 !== 0 && first !== undefined) bytes[0] = first;
      await new Promise<void>((resolve, reject) =>
        socket.send(bytes, port, "127.0.0.1", (error) => (error === null ? resolve() : reject(error))),
      );
      if (sent % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
  } finally {
    socket.close();
  }
}
