import { VirtualClock } from "@cation/service-kit/virtual-clock";
import { expect, test } from "vitest";
import { createIceServers } from "./ice-servers.ts";

const STUN = { urls: ["stun:stun.example.org"], username: "", credential: "" };

test("without a secret, clients get what is configured", () => {
  const config = { iceServers: [STUN], turnUrls: [], turnSecret: undefined, turnLifetimeMs: 60_000 };
  expect(createIceServers(config, new VirtualClock())("p1")).toEqual([STUN]);
});

test("TURN credentials are each client's own and name when they end", () => {
  const clock = new VirtualClock();
  const config = {
    iceServers: [STUN],
    turnUrls: ["turn:turn.example.org:3478"],
    turnSecret: "a secret of coturn",
    turnLifetimeMs: 3_600_000,
  };
  const serversFor = createIceServers(config, clock);
  const [, turn] = serversFor("p1");
  const endsAtSeconds = Math.floor((clock.nowMs() + 3_600_000) / 1000);
  expect(turn).toMatchObject({ urls: config.turnUrls, username: `${endsAtSeconds}:p1` });
  // 20 bytes of HMAC-SHA1.
  expect(Buffer.from(turn?.credential ?? "", "base64")).toHaveLength(20);
  expect(serversFor("p2")[1]?.credential).not.toBe(turn?.credential);
});
