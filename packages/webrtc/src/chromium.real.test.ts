import { RtpPacketView } from "@cation/rtp/rtp-packet-view";
import { writePli } from "@cation/rtp/rtcp-pli";
import type { Ssrc } from "@cation/rtp/units";
import { randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { openBrowser } from "./testing/test-browser.ts";
import type { TestBrowser } from "./testing/test-browser.ts";
import { TestServer } from "./testing/test-server.ts";
import type { SeenRtp, TestTransport } from "./testing/test-server.ts";
import { openDtlsProvider } from "./open-dtls.ts";
import type { DtlsProvider } from "./dtls.ts";
import { writePublisherAnswer } from "./sdp/publisher-answer.ts";
import { parsePublisherOffer } from "./sdp/publisher-offer.ts";
import type { PublisherOffer } from "./sdp/publisher-offer.ts";
import { SubscriberDescription } from "./sdp/subscriber-offer.ts";

const WAIT = { timeout: 15_000, interval: 50 };
const random = { nextUint32: () => randomBytes(4).readUInt32BE(0) };

const BACKENDS = [
  { name: "the backends of this machine", dtlsBackend: "auto", mediaBackend: "auto" },
  { name: "those that need no compiler", dtlsBackend: "werift", mediaBackend: "typescript" },
] as const;

describe.each(BACKENDS)("a real Chromium with $name", ({ dtlsBackend, mediaBackend }) => {
  let browser: TestBrowser;
  let dtls: DtlsProvider;
  let server: TestServer;

  beforeAll(async () => {
    browser = await openBrowser();
    dtls = await openDtlsProvider({ backend: dtlsBackend });
  });
  afterAll(async () => {
    dtls?.close();
    await browser?.close();
  });
  beforeEach(async () => {
    server = await TestServer.open(dtls, mediaBackend);
  });
  afterEach(async () => {
    await browser.call("close");
    await server.close();
  });

  it("publishes audio and simulcast video", async () => {
    const seen: SeenRtp[] = [];
    server.onRtp = (packet) => seen.push(packet);
    const { connection, offer } = await publish(browser, server);
    await vi.waitFor(() => expect(connection.transport.state).toBe("connected"), WAIT);
    await vi.waitFor(() => {
      expect(payloadTypes(seen)).toContain(codec(offer, "audio/opus"));
      expect(new Set(ssrcsOf(seen, codec(offer, "video/VP8"))).size).toBeGreaterThanOrEqual(2);
    }, WAIT);
    expect(connection.states.map(({ state }) => state)).toEqual(["connecting", "connected"]);
  });

  it("connects over ICE-TCP where UDP is not offered", async () => {
    let packets = 0;
    server.onRtp = () => (packets += 1);
    const { connection } = await publish(browser, server, ["tcp"]);
    await vi.waitFor(() => expect(packets).toBeGreaterThan(20), WAIT);
    expect(connection.transport.remote?.protocol).toBe("tcp");
  });

  it("stays connected through an ICE restart", async () => {
    let packets = 0;
    server.onRtp = () => (packets += 1);
    const { connection } = await publish(browser, server);
    await vi.waitFor(() => expect(packets).toBeGreaterThan(20), WAIT);
    const old = { ufrag: connection.transport.localUfrag, answers: server.server.counters().stunAnswers };
    connection.transport.restartIce();
    await answerOffer(browser, connection, await browser.call("restartIce"));
    packets = 0;
    await vi.waitFor(() => expect(packets).toBeGreaterThan(20), WAIT);
    expect(connection.transport.localUfrag).not.toBe(old.ufrag);
    expect(server.server.counters().stunAnswers).toBeGreaterThan(old.answers);
    expect(connection.states.map(({ state }) => state)).toEqual(["connecting", "connected"]);
  });

  it("is seen to leave when it closes", async () => {
    const { connection } = await publish(browser, server);
    await vi.waitFor(() => expect(connection.transport.state).toBe("connected"), WAIT);
    await browser.call("close");
    await vi.waitFor(() => expect(connection.transport.state).toBe("closed"), WAIT);
    expect(connection.states.at(-1)?.reason).toBe("closed-by-peer");
    expect(server.server.transportCount).toBe(0);
  });

  it("decodes what a subscriber connection sends it, on reused m-lines too", async () => {
    const { connection: publisher, offer } = await publish(browser, server, ["udp"], false);
    await vi.waitFor(() => expect(publisher.transport.state).toBe("connected"), WAIT);
    const subscriber = server.createTransport();
    const description = new SubscriberDescription(random);
    const subscription = { description, subscriber, publisher, offer };

    const first = await subscribe(browser, server, subscription, "track-1");
    expect(first.accepted).toBe(true);
    await vi.waitFor(async () => expect(await framesDecoded(browser)).toBeGreaterThan(10), WAIT);

    description.removeTrack(first.mid);
    await answer(browser, subscription);
    const second = await subscribe(browser, server, subscription, "track-2");
    expect(second.mid).toBe(first.mid);
    const before = await framesDecoded(browser);
    await vi.waitFor(async () => expect(await framesDecoded(browser)).toBeGreaterThan(before + 10), WAIT);
    expect(subscriber.states.map(({ state }) => state)).toEqual(["connecting", "connected"]);
  });
});

/** The page publishes its fake camera and microphone to the server. */
async function publish(
  browser: TestBrowser,
  server: TestServer,
  protocols: readonly ("udp" | "tcp")[] = ["udp", "tcp"],
  simulcast = true,
): Promise<{ connection: TestTransport; offer: PublisherOffer }> {
  const connection = server.createTransport(protocols);
  const sdp = await browser.call<string>("publish", simulcast ? ["q", "h", "f"] : []);
  return { connection, offer: await answerOffer(browser, connection, sdp) };
}

async function answerOffer(browser: TestBrowser, connection: TestTransport, sdp: string): Promise<PublisherOffer> {
  const offer = parsePublisherOffer(sdp);
  connection.transport.setRemote(offer);
  await browser.call("takeAnswer", writePublisherAnswer(offer, connection.describe()));
  return offer;
}

interface Subscription {
  readonly description: SubscriberDescription;
  readonly subscriber: TestTransport;
  readonly publisher: TestTransport;
  readonly offer: PublisherOffer;
}

/** Offers the publisher's video to a second connection of the page, and forwards it there. */
async function subscribe(
  browser: TestBrowser,
  server: TestServer,
  subscription: Subscription,
  trackId: string,
): Promise<{ mid: string; accepted: boolean }> {
  const { description, subscriber, publisher, offer } = subscription;
  const video = offer.media.find(({ kind }) => kind === "video");
  const put = description.addTrack({
    trackId,
    participantId: "somebody",
    kind: "video",
    codecs: video?.codecs ?? [],
  });
  const negotiated = (await answer(browser, subscription)).get(put?.mid ?? "");
  const sent = codec(offer, "video/VP8");
  const payloadType = negotiated?.codecs.find(({ mimeType }) => mimeType === "video/VP8")?.payloadType;
  const view = new RtpPacketView();
  server.onRtp = (packet) => {
    if (packet.transport !== publisher.transport.handle || packet.payloadType !== sent) return;
    if (!view.set(packet.bytes, 0, packet.bytes.length)) return;
    const header = Buffer.from(packet.bytes.subarray(0, 12));
    header[0] = 0x80;
    header[1] = (header[1] & 0x80) | (payloadType ?? 0);
    header.writeUInt32BE(put?.ssrc ?? 0, 8);
    const payload = packet.bytes.subarray(view.payloadOffset, view.payloadOffset + view.payloadBytes);
    server.send(subscriber.transport.handle, Buffer.concat([header, payload]), "rtp");
  };
  await vi.waitFor(() => expect(subscriber.transport.state).toBe("connected"), WAIT);
  await askForKeyframe(server, publisher, sent);
  return { mid: put?.mid ?? "", accepted: negotiated?.accepted ?? false };
}

/** One offer and answer on the page's subscriber connection. */
async function answer(
  browser: TestBrowser,
  { description, subscriber }: Subscription,
): Promise<ReturnType<SubscriberDescription["applyAnswer"]>["media"]> {
  const sdp = await browser.call<string>("answer", description.writeOffer(subscriber.describe()));
  const applied = description.applyAnswer(sdp);
  subscriber.transport.setRemote(applied);
  return applied.media;
}

async function askForKeyframe(server: TestServer, publisher: TestTransport, payloadType: number): Promise<void> {
  const forward = server.onRtp;
  const ssrc = await new Promise<number>((resolve) => {
    server.onRtp = (packet) => {
      if (packet.payloadType === payloadType) resolve(packet.ssrc);
      forward(packet);
    };
  });
  server.onRtp = forward;
  const pli = Buffer.alloc(12);
  writePli(pli, 0, 1 as Ssrc, ssrc as Ssrc);
  server.send(publisher.transport.handle, pli, "rtcp");
}

function framesDecoded(browser: TestBrowser): Promise<number> {
  return browser.call("framesDecoded");
}

function codec(offer: PublisherOffer, mimeType: string): number {
  const found = offer.media.flatMap(({ codecs }) => codecs).find((one) => one.mimeType === mimeType);
  return found?.payloadType ?? -1;
}

function payloadTypes(seen: readonly SeenRtp[]): number[] {
  return [...new Set(seen.map(({ payloadType }) => payloadType))];
}

function ssrcsOf(seen: readonly SeenRtp[], payloadType: number): number[] {
  return seen.filter((packet) => packet.payloadType === payloadType).map(({ ssrc }) => ssrc);
}
