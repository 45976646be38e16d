import { createRequire } from "node:module";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { DtlsProvider } from "./dtls.ts";
import { TestServer } from "./testing/test-server.ts";
import type { SeenRtp } from "./testing/test-server.ts";
import { openDtlsProvider } from "./open-dtls.ts";
import { H264, OPUS, VP8, countingRandom } from "./testing/sdp-fixtures.ts";
import { writePublisherAnswer } from "./sdp/publisher-answer.ts";
import { parsePublisherOffer } from "./sdp/publisher-offer.ts";
import { SubscriberDescription } from "./sdp/subscriber-offer.ts";

/** libwebrtc M106 in this process (`@roamhq/wrtc`): the strictest reader of our SDP, and a client without a browser. */

interface Track {
  stop(): void;
}

interface Peer {
  readonly connectionState: string;
  readonly localDescription: { readonly sdp: string };
  addTransceiver(track: Track, init: object): void;
  createOffer(): Promise<{ sdp: string }>;
  createAnswer(): Promise<{ sdp: string }>;
  setLocalDescription(description: object): Promise<void>;
  setRemoteDescription(description: { type: string; sdp: string }): Promise<void>;
  getTransceivers(): { readonly mid: string; readonly currentDirection: string }[];
  close(): void;
}

interface Wrtc {
  RTCPeerConnection: new (configuration: object) => Peer;
  nonstandard: {
    RTCVideoSource: new () => { createTrack(): Track; onFrame(frame: object): void };
    RTCAudioSource: new () => { createTrack(): Track };
  };
}

const wrtc = createRequire(import.meta.url)("@roamhq/wrtc") as Wrtc;
const WAIT = { timeout: 25_000, interval: 50 };

const BACKENDS = [
  { name: "the backends of this machine", dtlsBackend: "auto", mediaBackend: "auto" },
  { name: "those that need no compiler", dtlsBackend: "werift", mediaBackend: "typescript" },
] as const;

describe.each(BACKENDS)("libwebrtc by @roamhq/wrtc with $name", ({ dtlsBackend, mediaBackend }) => {
  let dtls: DtlsProvider;
  let server: TestServer;
  let peer: Peer;
  const cleanups: (() => void)[] = [];

  beforeAll(async () => {
    dtls = await openDtlsProvider({ backend: dtlsBackend });
  });
  afterAll(() => dtls?.close());
  beforeEach(async () => {
    server = await TestServer.open(dtls, mediaBackend);
    peer = new wrtc.RTCPeerConnection({ iceServers: [], bundlePolicy: "max-bundle" });
    cleanups.push(() => peer.close());
  });
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0)) cleanup();
    await server.close();
  });

  /** A moving picture, so that there is something to send. */
  function film(): Track {
    const source = new wrtc.nonstandard.RTCVideoSource();
    const [width, height] = [320, 240];
    const data = new Uint8ClampedArray(width * height * 1.5);
    const timer = setInterval(() => {
      data.fill(Math.random() * 255);
      source.onFrame({ width, height, data });
    }, 50);
    const track = source.createTrack();
    cleanups.push(() => {
      clearInterval(timer);
      track.stop();
    });
    return track;
  }

  it("publishes simulcast video", async () => {
    const seen: SeenRtp[] = [];
    server.onRtp = (packet) => seen.push(packet);
    peer.addTransceiver(new wrtc.nonstandard.RTCAudioSource().createTrack(), { direction: "sendonly" });
    peer.addTransceiver(film(), {
      direction: "sendonly",
      sendEncodings: [{ rid: "q", scaleResolutionDownBy: 2 }, { rid: "f" }],
    });
    await peer.setLocalDescription(await peer.createOffer());
    const offer = parsePublisherOffer(peer.localDescription.sdp);
    const connection = server.createTransport();
    connection.transport.setRemote(offer);
    const sdp = writePublisherAnswer(offer, connection.describe());
    await peer.setRemoteDescription({ type: "answer", sdp });
    await vi.waitFor(() => expect(connection.transport.state).toBe("connected"), WAIT);
    await vi.waitFor(() => expect(new Set(seen.map(({ ssrc }) => ssrc)).size).toBeGreaterThanOrEqual(2), WAIT);
    expect(peer.connectionState).toBe("connected");
  });

  it("subscribes, and goes along when tracks come and go", async () => {
    const connection = server.createTransport();
    const description = new SubscriberDescription(countingRandom());
    const track = (trackId: string, codecs: readonly (typeof VP8)[]) =>
      description.addTrack({
        trackId,
        participantId: "alice",
        kind: codecs[0]?.channels === 0 ? "video" : "audio",
        codecs,
      });
    const negotiate = async () => {
      await peer.setRemoteDescription({ type: "offer", sdp: description.writeOffer(connection.describe()) });
      await peer.setLocalDescription(await peer.createAnswer());
      const answer = description.applyAnswer(peer.localDescription.sdp);
      connection.transport.setRemote(answer);
      return [...answer.media.values()].map(({ accepted }) => accepted);
    };
    track("mic", [OPUS]);
    track("camera", [VP8]);
    expect(await negotiate()).toEqual([true, true]);
    await vi.waitFor(() => expect(connection.transport.state).toBe("connected"), WAIT);

    description.removeTrack("1");
    track("screen", [H264, VP8]);
    expect(await negotiate()).toEqual([true, false, true]);
    track("camera again", [VP8]);
    expect(await negotiate()).toEqual([true, true, true]);
    expect(peer.getTransceivers().map(({ mid, currentDirection }) => [mid, currentDirection])).toEqual([
      ["0", "recvonly"],
      ["1", "recvonly"],
      ["2", "recvonly"],
    ]);
    connection.transport.restartIce();
    expect(await negotiate()).toEqual([true, true, true]);
    expect(connection.transport.state).toBe("connected");
  });
});
