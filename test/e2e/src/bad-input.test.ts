import { TrackSource } from "@cation/proto/common/v1/common";
import { systemClock } from "@cation/service-kit/clock";
import { mintToken } from "@cation/signal/token-minter";
import type { TokenRequest } from "@cation/signal/token-minter";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { TestBrowser } from "./harness/browser.ts";
import { sendNoise } from "./harness/datagram-noise.ts";
import { TestEmbedded } from "./harness/embedded.ts";
import { report } from "./harness/expectations.ts";
import { Guest } from "./harness/guest.ts";
import { measurePage } from "./harness/page-probe.ts";
import { RawClient } from "./harness/raw-client.ts";

const ROOM = "honest";
const NOISE_DATAGRAMS = 4_000;
/** RFC 8827 offers carry more, but this much is what a server has to find. */
const SDP_WITHOUT_FINGERPRINT = [
  "v=0",
  "o=- 1 1 IN IP4 127.0.0.1",
  "s=-",
  "t=0 0",
  "m=audio 9 UDP/TLS/RTP/SAVPF 111",
  "c=IN IP4 0.0.0.0",
  "a=mid:0",
  "a=sendonly",
  "a=rtcp-mux",
  "a=ice-ufrag:abcd",
  "a=ice-pwd:abcdefghijklmnopqrstuvwx",
  "a=setup:actpass",
  "a=rtpmap:111 opus/48000/2",
  "",
].join("\r\n");

/** Whatever is thrown at the server, two honest people go on with their call. */
describe("bad input to a running system", () => {
  let server: TestEmbedded;
  let browser: TestBrowser;
  let grace: Guest;
  const clients: RawClient[] = [];

  beforeAll(async () => {
    [server, browser] = await Promise.all([TestEmbedded.start(), TestBrowser.launch()]);
    const join = (name: string): Promise<Guest> =>
      Guest.join(browser, { url: server.url, room: ROOM, name, video: "180p" });
    [, grace] = await Promise.all([join("Ada"), join("Grace")]);
    await grace.seePicture("Ada");
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    const { tiles } = await measurePage(grace.page, 400);
    expect(tiles.find(({ name }) => name === "Ada")?.decodedFps, "the honest call").toBeGreaterThan(0);
    expect(server.log.matching(/ERROR|FATAL/)).toEqual([]);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  const token = (changes: Partial<TokenRequest> = {}, secret = server.apiKey.secret): Promise<string> =>
    mintToken(
      { ...server.apiKey, secret },
      {
        roomId: ROOM,
        identity: "mallory",
        grants: { publish: ["microphone"], subscribe: true, administer: false },
        lifetimeMs: 60_000,
        ...changes,
      },
      systemClock,
    );
  const connect = async (): Promise<RawClient> => {
    const client = await RawClient.open(server.url);
    clients.push(client);
    return client;
  };
  const connectAndJoin = async (): Promise<RawClient> => {
    const client = await connect();
    expect(await client.join(await token())).toMatchObject({ $case: "joined" });
    return client;
  };
  const ping = { $case: "ping", value: {} } as const;

  it.each([
    ["expired", "TOKEN_EXPIRED", () => token({ lifetimeMs: -60_000 })],
    ["forged", "TOKEN_INVALID", () => token({}, "a secret that nobody gave us, 32 characters")],
    ["garbled", "TOKEN_INVALID", async () => `${await token()}x`],
    ["missing", "TOKEN_MISSING", () => Promise.resolve("")],
  ])("a token that is %s is refused with %s, and the connection can still be used", async (_, code, make) => {
    const client = await connect();
    expect(await client.join(await make())).toMatchObject({ $case: "error", value: { code, retryable: false } });
    expect(await client.join(await token())).toMatchObject({ $case: "joined" });
  });

  it("a token for another room opens neither that session nor a resumed one", async () => {
    const client = await connect();
    const joined = await client.join(await token());
    const other = await token({ roomId: "another room" });
    expect(await client.refusal({ $case: "refreshToken", value: { token: other } })).toBe("TOKEN_WRONG_ROOM");
    const sessionToken = joined.$case === "joined" ? joined.value.sessionToken : "";
    const second = await connect();
    const resume = {
      sessionToken,
      token: other,
      lastEventSequence: 0,
      move: 0,
      autoSubscribe: true,
      region: "",
    } as const;
    expect(await second.refusal({ $case: "resume", value: resume })).toBe("TOKEN_WRONG_ROOM");
    expect(await client.request(ping)).toMatchObject({ $case: "done" });
  });

  it.each([
    ["malformed", "MESSAGE_MALFORMED", "{"],
    ["of the wrong type", "MESSAGE_MALFORMED", '{"requestId":7,"unpublish":{"trackId":5}}'],
    ["of an unknown kind", "MESSAGE_UNKNOWN", '{"requestId":7,"levitate":{}}'],
    ["too large", "MESSAGE_TOO_LARGE", `{"requestId":7,"x":"${"x".repeat(600_000)}"}`],
  ])("a message that is %s is answered with %s, and the connection survives", async (_, code, text) => {
    const client = await connectAndJoin();
    client.sendRaw(text);
    const answer = await client.waitFor(
      ({ $case, value }) => $case === "response" && value.result?.$case === "error" && value.result.value.code === code,
    );
    expect(answer.$case).toBe("response");
    expect(await client.request(ping)).toMatchObject({ $case: "done" });
  });

  it("a frame beyond all bounds closes that connection with 1009, and no other", async () => {
    const client = await connectAndJoin();
    const neighbour = await connect();
    client.sendRaw("x".repeat(3_000_000));
    expect((await client.waitForClose()).code).toBe(1009);
    expect(await neighbour.join(await token({ identity: "neighbour" }))).toMatchObject({ $case: "joined" });
  });

  it("requests before the join are refused", async () => {
    const client = await connect();
    expect(await client.refusal({ $case: "unpublish", value: { trackId: "t" } })).toBe("REQUEST_ORDER");
    expect(await client.join(await token())).toMatchObject({ $case: "joined" });
  });

  it.each([
    ["garbage", "SDP_INVALID", "no session description at all"],
    ["nothing", "SDP_INVALID", ""],
    ["without fingerprint", "SDP_NO_FINGERPRINT", SDP_WITHOUT_FINGERPRINT],
    ["without ICE credentials", "SDP_NO_ICE", SDP_WITHOUT_FINGERPRINT.replaceAll(/a=ice-.*\r\n/g, "")],
    ["larger than allowed", "MESSAGE_TOO_LARGE", "v".repeat(270_000)],
  ])("an offer that is %s is refused with %s and leaves nothing behind", async (_, code, sdp) => {
    const before = await server.node.holdings();
    const client = await connectAndJoin();
    const tracks = [{ mid: "0", source: TrackSource.MICROPHONE, name: "", muted: false, encodings: [], trackId: "" }];
    expect(await client.refusal({ $case: "publisherOffer", value: { sdp, tracks } })).toBe(code);
    expect((await server.node.holdings()).producers).toBe(before.producers);
    expect(await client.request(ping)).toMatchObject({ $case: "done" });
  });

  it("what the token does not grant is refused", async () => {
    const client = await connectAndJoin();
    const [somebody] = (await server.node.inspect(ROOM)).producers;
    const trackId = somebody?.trackId ?? "";
    expect(await client.refusal({ $case: "setMuted", value: { trackId, muted: true } })).toBe("PERMISSION_DENIED");
    expect(await client.refusal({ $case: "removeParticipant", value: { participantId: "p" } })).toBe(
      "PERMISSION_DENIED",
    );
  });

  it("answers to offers that were never made, and tracks that do not exist, are refused", async () => {
    const client = await connectAndJoin();
    const answer = { offerId: 99, sdp: SDP_WITHOUT_FINGERPRINT };
    expect(await client.refusal({ $case: "subscriberAnswer", value: answer })).toBe("STALE_ANSWER");
    expect(await client.refusal({ $case: "unpublish", value: { trackId: "none" } })).toBe("TRACK_NOT_FOUND");
  });

  it("random bytes to the media port change nothing and are counted", async () => {
    const before = await server.node.holdings();
    const droppedBefore = await server.node.metric("cation_sfu_drops_total");
    await sendNoise(server.mediaPort, NOISE_DATAGRAMS, 20_261_123);
    await expect
      .poll(async () => (await server.node.metric("cation_sfu_drops_total")) - droppedBefore, { timeout: 5_000 })
      .toBeGreaterThanOrEqual(NOISE_DATAGRAMS * 0.99);
    expect(await server.node.holdings()).toEqual(before);
    report("noise dropped", (await server.node.metric("cation_sfu_drops_total")) - droppedBefore);
  });
});
