import { ClientMessage } from "@cation/proto/client/v1/client";
import { SignJWT, UnsecuredJWT } from "jose";
import { afterEach, describe, expect, test, vi } from "vitest";
import { WebSocket } from "ws";
import type { ClientRequest } from "./client-request.ts";
import { DEVELOPMENT_API_KEY } from "./signal-config.ts";
import type { SignalConfig } from "./signal-config.ts";
import { outcome } from "./testing/test-client.ts";
import { joinRequest, SignalFixture } from "./testing/signal-fixture.ts";

let fixture: SignalFixture;
const setup = async (overrides: Partial<SignalConfig> = {}) => (fixture = await SignalFixture.start(overrides));

afterEach(async () => {
  await fixture.signal.close();
  expect(fixture.clock.pendingTimers).toBe(0);
  expect(fixture.logs.join("")).not.toMatch(/eyJ|"level":"(error|fatal)"/);
});

const ping: ClientRequest = { $case: "ping", value: {} };
const camera = { mid: "0", source: 1, name: "", muted: false, encodings: [] } as const;

async function forge(alg: string, secret: string, claims: object = {}): Promise<string> {
  return new SignJWT({ room: "blue", ...claims })
    .setProtectedHeader({ alg })
    .setIssuer(DEVELOPMENT_API_KEY)
    .setSubject("ada")
    .setExpirationTime(Math.floor(fixture.clock.nowMs() / 1000) + 60)
    .sign(Buffer.from(secret));
}

describe("tokens", () => {
  const cases: Record<string, [() => Promise<string>, string]> = {
    "no token": [async () => "", "TOKEN_MISSING"],
    garbage: [async () => "not.a.token", "TOKEN_INVALID"],
    expired: [() => fixture.token({ lifetimeMs: -10_000 }), "TOKEN_EXPIRED"],
    "forged: another secret": [() => forge("HS256", "another secret that nobody gave us"), "TOKEN_INVALID"],
    "forged: another algorithm": [
      () => forge("HS512", "cation-development-secret-not-for-production"),
      "TOKEN_INVALID",
    ],
    "forged: no signature": [
      async () => new UnsecuredJWT({ room: "blue" }).setSubject("ada").setExpirationTime("1h").encode(),
      "TOKEN_INVALID",
    ],
    "changed after signing": [
      async () => {
        const [header, , signature] = (await fixture.token()).split(".");
        const body = { iss: DEVELOPMENT_API_KEY, sub: "ada", room: "red", exp: 9_999_999_999 };
        return [header, Buffer.from(JSON.stringify(body)).toString("base64url"), signature].join(".");
      },
      "TOKEN_INVALID",
    ],
    "of an unknown API key": [
      async () =>
        new SignJWT({})
          .setProtectedHeader({ alg: "HS256" })
          .setIssuer("who")
          .sign(Buffer.from("x".repeat(32))),
      "TOKEN_INVALID",
    ],
    "a room with a line break": [() => fixture.token({ roomId: "blue\nred" }), "TOKEN_INVALID"],
    "half a character": [() => fixture.token({ identity: "\ud83d" }), "TOKEN_INVALID"],
    "a room too long": [() => fixture.token({ roomId: "r".repeat(129) }), "TOKEN_INVALID"],
    "an empty identity": [() => fixture.token({ identity: "" }), "TOKEN_INVALID"],
    "metadata beyond the limit": [() => fixture.token({ metadata: "m".repeat(5000) }), "TOKEN_INVALID"],
    "an unknown source": [
      () => forge("HS256", "cation-development-secret-not-for-production", { grants: { publish: ["hologram"] } }),
      "TOKEN_INVALID",
    ],
  };

  test.each(Object.entries(cases))("%s", async (_name, [makeToken, code]) => {
    const { islb } = await setup();
    const client = await fixture.connect();
    expect(outcome(await client.request(joinRequest(await makeToken())))).toBe(code);
    expect(islb.joins).toEqual([]);
    expect(outcome(await client.request(joinRequest(await fixture.token())))).toBe("joined");
  });

  test("somebody who keeps guessing is closed", async () => {
    await setup();
    const client = await fixture.connect();
    for (let guess = 1; guess <= 30; guess++) {
      expect(outcome(await client.request(joinRequest("guess")))).toBe("TOKEN_INVALID");
    }
    void client.request(joinRequest("guess"));
    expect(await client.closed).toEqual({ code: 1008, reason: "TOKEN_INVALID" });
  });
});

describe("messages", () => {
  const tooLong = "x".repeat(524_289);
  const jsonCases: [name: string, frame: string | Uint8Array, requestId: number, code: string][] = [
    ["not JSON", "{", 0, "MESSAGE_MALFORMED"],
    ["not an object", "[1,2]", 0, "MESSAGE_MALFORMED"],
    ["null", "null", 0, "MESSAGE_MALFORMED"],
    ["empty", "", 0, "MESSAGE_MALFORMED"],
    ["binary", Uint8Array.of(8, 1, 98, 0), 0, "MESSAGE_MALFORMED"],
    ["no request", '{"requestId":5}', 5, "MESSAGE_MALFORMED"],
    ["no number", '{"ping":{}}', 0, "MESSAGE_MALFORMED"],
    ["number 0", '{"requestId":0,"ping":{}}', 0, "MESSAGE_MALFORMED"],
    ["a number that is text", '{"requestId":"1","ping":{}}', 0, "MESSAGE_MALFORMED"],
    ["a number too large", '{"requestId":4294967296,"ping":{}}', 0, "MESSAGE_MALFORMED"],
    ["two requests", '{"requestId":5,"ping":{},"leave":{}}', 5, "MESSAGE_MALFORMED"],
    ["unknown request", '{"requestId":5,"levitate":{"height":3}}', 5, "MESSAGE_UNKNOWN"],
    ["prototype games", '{"requestId":5,"__proto__":{"ping":{}},"constructor":{}}', 5, "MESSAGE_UNKNOWN"],
    ["a request that is no object", '{"requestId":5,"ping":7}', 5, "MESSAGE_MALFORMED"],
    ["SDP that is an object", '{"requestId":5,"publisherOffer":{"sdp":{}}}', 5, "MESSAGE_MALFORMED"],
    ["a flag that is text", '{"requestId":5,"setMuted":{"trackId":"t","muted":"no"}}', 5, "MESSAGE_MALFORMED"],
    [
      "a source that is unknown",
      '{"requestId":5,"publisherOffer":{"tracks":[{"mid":"0","source":9}]}}',
      5,
      "MESSAGE_MALFORMED",
    ],
    ["snake case is checked, too", '{"requestId":5,"publisher_offer":{"sdp":1}}', 5, "MESSAGE_MALFORMED"],
    ["a negative layer", '{"requestId":5,"setSubscription":{"trackId":"t","maxSpatialId":-1}}', 5, "MESSAGE_MALFORMED"],
    ["an id too long", `{"requestId":5,"unpublish":{"trackId":"${"t".repeat(129)}"}}`, 5, "MESSAGE_MALFORMED"],
    ["no id", '{"requestId":5,"unpublish":{}}', 5, "MESSAGE_MALFORMED"],
    [
      "too many tracks",
      `{"requestId":5,"publisherOffer":{"tracks":[${'{"mid":"0"},'.repeat(200)}{}]}}`,
      5,
      "MESSAGE_MALFORMED",
    ],
    ["a track without mid", '{"requestId":5,"publisherOffer":{"tracks":[{"source":1}]}}', 5, "MESSAGE_MALFORMED"],
    ["deeply nested", `{"requestId":5,"x":${"[".repeat(5000)}${"]".repeat(5000)}}`, 5, "MESSAGE_UNKNOWN"],
    ["larger than the limit", `{"requestId":5,"x":"${tooLong}"}`, 0, "MESSAGE_TOO_LARGE"],
    [
      "SDP larger than its limit",
      `{"requestId":5,"publisherOffer":{"sdp":"${"v".repeat(262_145)}"}}`,
      5,
      "MESSAGE_TOO_LARGE",
    ],
  ];

  test.each(jsonCases)("JSON: %s", async (_name, frame, requestId, code) => {
    const { sfu } = await setup();
    const { client } = await fixture.joined();
    expect(outcome(await client.raw(frame, requestId))).toBe(code);
    expect(sfu.sessions[0]?.requests).toEqual([]);
    expect(outcome(await client.request(ping, 77))).toBe("done");
  });

  const sourceNine = ClientMessage.create({
    requestId: 5,
    request: { $case: "publisherOffer", value: { tracks: [{ mid: "0" }] } },
  });
  const protoCases: [name: string, frame: string | Uint8Array, requestId: number, code: string][] = [
    ["text", '{"requestId":5,"ping":{}}', 0, "MESSAGE_MALFORMED"],
    ["empty", new Uint8Array(0), 0, "MESSAGE_MALFORMED"],
    ["cut short", Uint8Array.of(8, 5, 18, 200, 1, 10), 0, "MESSAGE_MALFORMED"],
    ["a varint without end", new Uint8Array(12).fill(255), 0, "MESSAGE_MALFORMED"],
    [
      "no number",
      ClientMessage.encode(ClientMessage.create({ request: { $case: "ping", value: {} } })).finish(),
      0,
      "MESSAGE_MALFORMED",
    ],
    ["unknown request", Uint8Array.of(8, 5, 0xfa, 7, 0), 5, "MESSAGE_UNKNOWN"],
    ["a track without source", ClientMessage.encode(sourceNine).finish(), 5, "MESSAGE_MALFORMED"],
    ["larger than the limit", new Uint8Array(524_289), 0, "MESSAGE_TOO_LARGE"],
  ];

  test.each(protoCases)("protobuf: %s", async (_name, frame, requestId, code) => {
    await setup();
    const client = await fixture.connect("cation.v1.proto");
    expect(outcome(await client.raw(frame, requestId))).toBe(code);
    expect(outcome(await client.request(ping, 77))).toBe("done");
  });

  test("a frame beyond every measure closes the connection, the service lives on", async () => {
    await setup();
    const client = await fixture.connect();
    client.socket.send(new Uint8Array(2_000_000));
    expect((await client.closed).code).toBe(1009);
    await fixture.joined();
  });

  test("text that is not UTF-8 closes the connection", async () => {
    await setup();
    const client = await fixture.connect();
    client.socket.send(Buffer.from([0xff, 0xfe]), { binary: false });
    expect((await client.closed).code).toBe(1007);
  });

  test("garbage without end closes the connection", async () => {
    await setup();
    const client = await fixture.connect();
    for (let count = 0; count < 40; count++) client.socket.send("garbage");
    expect(await client.closed).toEqual({ code: 1008, reason: "MESSAGE_MALFORMED" });
  });

  test("fields that this release does not know are passed over", async () => {
    const { sfu } = await setup();
    const { client } = await fixture.joined();
    const frame = '{"requestId":70,"unpublish":{"trackId":"t","fade":{"ms":3}},"trace":"abc"}';
    expect(outcome(await client.raw(frame, 70))).toBe("done");
    expect(sfu.sessions[0]?.requests[0]?.request).toEqual({ $case: "unpublish", value: { trackId: "t" } });
  });
});

describe("requests", () => {
  test("out of order", async () => {
    await setup();
    const client = await fixture.connect();
    const unpublish: ClientRequest = { $case: "unpublish", value: { trackId: "t" } };
    expect(outcome(await client.request(unpublish))).toBe("REQUEST_ORDER");
    expect(outcome(await client.request(ping))).toBe("done");
    const both = [joinRequest(await fixture.token()), joinRequest(await fixture.token())];
    expect((await Promise.all(both.map((join) => client.request(join)))).map(outcome).toSorted()).toEqual([
      "REQUEST_ORDER",
      "joined",
    ]);
    expect(outcome(await client.request(joinRequest(await fixture.token())))).toBe("REQUEST_ORDER");
  });

  test("beyond the grants", async () => {
    const { sfu } = await setup();
    const { client } = await fixture.joined({
      grants: { publish: ["microphone"], subscribe: false, administer: false },
    });
    const denied: ClientRequest[] = [
      { $case: "publisherOffer", value: { sdp: "v=0", tracks: [{ ...camera, encodings: [], trackId: "" }] } },
      { $case: "removeParticipant", value: { participantId: "p2" } },
      {
        $case: "setSubscription",
        value: { trackId: "t", subscribed: true, paused: false, maxSpatialId: undefined, maxTemporalId: undefined },
      },
    ];
    for (const request of denied) expect(outcome(await client.request(request))).toBe("PERMISSION_DENIED");
    expect(sfu.sessions[0]?.requests).toEqual([]);
  });

  test("garbage for SDP is refused by the sfu and the connection lives on", async () => {
    await setup();
    const { client } = await fixture.joined();
    const offer = (sdp: string): ClientRequest => ({ $case: "publisherOffer", value: { sdp, tracks: [] } });
    expect(outcome(await client.request(offer("\u0000 nonsense")))).toBe("SDP_INVALID");
    expect(outcome(await client.request(offer("v=0\r\n")))).toBe("publisherAnswer");
  });

  test("with a number that is in use", async () => {
    const { sfu } = await setup();
    const { client } = await fixture.joined();
    sfu.silent.add("unpublish");
    const unpublish: ClientRequest = { $case: "unpublish", value: { trackId: "t" } };
    void client.request(unpublish, 9);
    const second = client.expectResponse(0);
    void client.request(unpublish, 9);
    expect(outcome(await second)).toBe("MESSAGE_MALFORMED");
  });

  test("too many at once are refused, a flood is closed", async () => {
    await setup({ requestsPerSecond: 1, requestBurst: 5 });
    const { client } = await fixture.joined();
    const answers = await Promise.all(Array.from({ length: 6 }, () => client.request(ping)));
    expect(answers.map(outcome).filter((code) => code === "RATE_LIMITED")).toHaveLength(3);
    fixture.clock.advance(2000);
    expect(outcome(await client.request(ping))).toBe("done");
    for (let count = 0; count < 40; count++) void client.request(ping);
    expect(await client.closed).toEqual({ code: 1013, reason: "RATE_LIMITED" });
  });

  test("too many that wait are refused", async () => {
    const { sfu } = await setup({ requestsPerSecond: 10_000, requestBurst: 10_000 });
    const { client } = await fixture.joined();
    sfu.silent.add("unpublish");
    const unpublish: ClientRequest = { $case: "unpublish", value: { trackId: "t" } };
    for (let count = 0; count < 256; count++) void client.request(unpublish);
    expect(outcome(await client.request(unpublish))).toBe("RATE_LIMITED");
  });

  test("none at all: who does not join in time is closed", async () => {
    const { clock } = await setup({ joinTimeoutMs: 5000 });
    const client = await fixture.connect();
    clock.advance(5000);
    expect(await client.closed).toMatchObject({ code: 1008, reason: expect.stringContaining("REQUEST_ORDER") });
  });
});

describe("handshakes", () => {
  const open = (protocols: string[], headers: Record<string, string> = {}, path = "/rtc") =>
    new Promise<string>((resolve) => {
      const socket = new WebSocket(`ws://127.0.0.1:${fixture.signal.port}${path}`, protocols, { headers });
      socket.once("open", () => resolve(`open ${socket.protocol}`));
      socket.once("error", (error) => resolve(error.message));
      socket.once("open", () => socket.terminate());
    });

  test("sub-protocol, origin and number of connections", async () => {
    await setup({ allowedOrigins: ["https://app.example.org"], maxConnections: 1 });
    expect(await open([])).toContain("400");
    expect(await open(["graphql-ws"])).toContain("400");
    expect(await open(["graphql-ws", "cation.v1.proto"])).toBe("open cation.v1.proto");
    await vi.waitFor(() => expect(fixture.signal.connectionCount).toBe(0));
    expect(await open(["cation.v1.json"], { origin: "https://evil.example.org" })).toContain("403");
    expect(await open(["cation.v1.json"], { origin: "https://app.example.org" })).toContain("open");
    expect(await open(["cation.v1.json"], {}, "/elsewhere")).toContain("404");
    await vi.waitFor(() => expect(fixture.signal.connectionCount).toBe(0));
    const first = await fixture.connect();
    expect(await open(["cation.v1.json"])).toContain("503");
    first.socket.terminate();
  });
});
