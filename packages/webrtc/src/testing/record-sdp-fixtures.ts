/**
 * Records the session descriptions that the tests read: `node packages/webrtc/src/testing/record-sdp-fixtures.ts`. Needs Chromium.
 * firefox-*.sdp and safari-*.sdp are not recorded: they are kept by hand, in the shape those browsers write.
 */
import { createRequire } from "node:module";
import { writeFile } from "node:fs/promises";
import { openBrowser } from "./test-browser.ts";
import { subscriberOffer } from "./sdp-fixtures.ts";

interface WrtcModule {
  RTCPeerConnection: new (configuration: object) => WrtcPeer;
  nonstandard: {
    RTCVideoSource: new () => { createTrack(): object };
    RTCAudioSource: new () => { createTrack(): object };
  };
}

interface WrtcPeer {
  addTransceiver(track: object, init: object): void;
  createOffer(): Promise<{ sdp: string }>;
  createAnswer(): Promise<{ sdp: string }>;
  setRemoteDescription(description: { type: "offer"; sdp: string }): Promise<void>;
  close(): void;
}

async function save(name: string, sdp: string): Promise<void> {
  await writeFile(new URL(`fixtures/${name}.sdp`, import.meta.url), sdp);
}

async function recordChromium(): Promise<void> {
  const browser = await openBrowser();
  await save("chromium-offer-simulcast", await browser.call("publish", ["q", "h", "f"]));
  await browser.call("close");
  await save("chromium-offer-single", await browser.call("publish", []));
  await browser.call("close");
  await save("chromium-offer-all", await browser.call("offerAll"));
  await browser.call("close");
  await save("chromium-answer", await browser.call("answer", subscriberOffer()));
  await browser.close();
}

async function recordWrtc(): Promise<void> {
  const wrtc = createRequire(import.meta.url)("@roamhq/wrtc") as WrtcModule;
  const { RTCAudioSource, RTCVideoSource } = wrtc.nonstandard;
  const publisher = new wrtc.RTCPeerConnection({});
  publisher.addTransceiver(new RTCAudioSource().createTrack(), { direction: "sendonly" });
  publisher.addTransceiver(new RTCVideoSource().createTrack(), {
    direction: "sendonly",
    sendEncodings: [{ rid: "q", scaleResolutionDownBy: 2 }, { rid: "f" }],
  });
  await save("wrtc-offer-simulcast", (await publisher.createOffer()).sdp);
  const subscriber = new wrtc.RTCPeerConnection({});
  await subscriber.setRemoteDescription({ type: "offer", sdp: subscriberOffer() });
  await save("wrtc-answer", (await subscriber.createAnswer()).sdp);
  publisher.close();
  subscriber.close();
}

await recordChromium();
await recordWrtc();
process.exit(0);
