import { createSocket } from "node:dgram";
import type { Socket } from "node:dgram";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { UdpRelay } from "./udp-relay.ts";

const open: (Socket | UdpRelay)[] = [];

afterEach(() => {
  for (const one of open.splice(0)) one.close();
});

async function bound(): Promise<Socket> {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  open.push(socket);
  return socket;
}

test("passes both ways, each client apart, with the delay and the loss of its group", async () => {
  const server = await bound();
  server.on("message", (bytes, from) => server.send(bytes, from.port, from.address));
  const free = await bound();
  const port = (free.address() as AddressInfo).port;
  free.close();
  open.splice(open.indexOf(free), 1);
  const targetPort = (server.address() as AddressInfo).port;
  const relay = await UdpRelay.open({ host: "127.0.0.1", port, targetHost: "127.0.0.1", targetPort, seed: 1 });
  open.push(relay);

  const near = await bound();
  const sentAt = performance.now();
  near.send("near", port, "127.0.0.1");
  expect(String((await once(near, "message"))[0])).toBe("near");
  relay.setGroup("far");
  relay.configure("far", "up", { delayUs: 60_000 });
  const far = await bound();
  const farSentAt = performance.now();
  far.send("far", port, "127.0.0.1");
  expect(String((await once(far, "message"))[0])).toBe("far");
  expect(performance.now() - farSentAt).toBeGreaterThanOrEqual(58);
  expect(performance.now() - sentAt).toBeLessThan(5_000);

  relay.configure("far", "down", { loss: 1 });
  far.send("lost", port, "127.0.0.1");
  near.send("again", port, "127.0.0.1");
  expect(String((await once(near, "message"))[0])).toBe("again");
  await expect.poll(() => relay.counters("far", "down").lost).toBe(1);
  expect(relay.counters("far", "up").delivered).toBe(2);
});
