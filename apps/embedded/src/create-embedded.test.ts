import { loadIslbConfig } from "@cation/islb/islb-config";
import { systemClock } from "@cation/service-kit/clock";
import { createLogger } from "@cation/service-kit/logger";
import { loadSfuConfig } from "@cation/sfu/sfu-config";
import type { ClientRequest } from "@cation/signal/client-request";
import { loadSignalConfig } from "@cation/signal/signal-config";
import { outcome, TestClient } from "@cation/signal/testing/test-client";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { createEmbedded } from "./create-embedded.ts";
import type { Embedded } from "./create-embedded.ts";

let embedded: Embedded;

beforeAll(async () => {
  const signal = {
    CATION_SIGNAL_MODE: "development",
    CATION_SIGNAL_HTTP_HOST: "127.0.0.1",
    CATION_SIGNAL_HTTP_PORT: "0",
  };
  embedded = await createEmbedded({
    signal: loadSignalConfig(signal),
    islb: loadIslbConfig({}),
    sfu: loadSfuConfig({
      CATION_SFU_MODE: "development",
      CATION_SFU_MEDIA_HOST: "127.0.0.1",
      CATION_SFU_MEDIA_PORT: "0",
      CATION_SFU_MEDIA_BACKEND: "typescript",
    }),
    clock: systemClock,
    random: Math.random,
    loggerFor: (service) => createLogger({ service, level: "silent" }),
  });
  await embedded.start();
});

afterAll(() => embedded.close());

async function join(identity: string): Promise<TestClient> {
  const response = await fetch(`http://127.0.0.1:${embedded.port}/dev/token`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ room: "blue", identity }),
  });
  const { token } = (await response.json()) as { token: string };
  const client = await TestClient.connect(embedded.port, "cation.v1.proto");
  const request: ClientRequest = { $case: "join", value: { token, region: "", nodeId: "", autoSubscribe: true } };
  expect(outcome(await client.request(request))).toBe("joined");
  return client;
}

test("those in a room hear of each other, and nothing is left of who leaves", async () => {
  const ada = await join("ada");
  const grace = await join("grace");
  await vi.waitFor(async () => expect((await embedded.sfu.inspect({ roomId: "blue" })).sessions).toBe(2));
  await vi.waitFor(() => expect(ada.events.some(({ event }) => event?.$case === "participantCount")).toBe(true));
  for (const client of [ada, grace]) {
    expect(outcome(await client.request({ $case: "leave", value: {} }))).toBe("done");
    expect((await client.closed).code).toBe(1000);
  }
  const { sessions, transports } = await embedded.sfu.inspect({ roomId: "" });
  expect({ sessions, transports }).toEqual({ sessions: 0, transports: 0 });
});

test("a second join of the same identity replaces the first", async () => {
  const first = await join("ada");
  const second = await join("ada");
  expect((await first.closed).code).toBe(1000);
  expect(first.events.at(-1)?.event).toMatchObject({ $case: "sessionEnded", value: { reason: 3 } });
  expect(outcome(await second.request({ $case: "leave", value: {} }))).toBe("done");
});

test("garbage for SDP is refused with a code, and the session goes on", async () => {
  const client = await join("ada");
  const track = { mid: "0", source: 1, name: "", muted: false, encodings: [], trackId: "" } as const;
  const offers = ["", "garbage", "v=0\r\n", `v=0\r\n${"a=".repeat(1000)}`, "\u0000\u0001\u0002"];
  for (const sdp of offers) {
    const tracks = [{ ...track, encodings: [], trackId: "" }];
    const code = outcome(await client.request({ $case: "publisherOffer", value: { sdp, tracks } }));
    expect(code).toMatch(/^SDP_|^MESSAGE_MALFORMED$/);
  }
  const answer: ClientRequest = { $case: "subscriberAnswer", value: { offerId: 7, sdp: "garbage" } };
  expect(outcome(await client.request(answer))).toMatch(/^STALE_ANSWER$|^SDP_/);
  expect(outcome(await client.request({ $case: "ping", value: {} }))).toBe("done");
  expect(outcome(await client.request({ $case: "leave", value: {} }))).toBe("done");
});
