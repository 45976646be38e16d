import type { CodecParameters } from "@cation/engine/codec-parameters";
import { readFileSync } from "node:fs";
import type { LocalDescription } from "../sdp/local-description.ts";
import { SubscriberDescription } from "../sdp/subscriber-offer.ts";

/** Descriptions for tests: recorded ones, and made ones that are the same each time. */

export type FixtureName =
  | "chromium-offer-simulcast"
  | "chromium-offer-single"
  | "chromium-offer-all"
  | "chromium-answer"
  | "wrtc-offer-simulcast"
  | "wrtc-answer"
  | "firefox-offer-simulcast"
  | "firefox-answer"
  | "safari-offer-single"
  | "safari-answer";

export const OFFER_FIXTURES: readonly FixtureName[] = [
  "chromium-offer-simulcast",
  "chromium-offer-single",
  "chromium-offer-all",
  "wrtc-offer-simulcast",
  "firefox-offer-simulcast",
  "safari-offer-single",
];
export const ANSWER_FIXTURES: readonly FixtureName[] = [
  "chromium-answer",
  "wrtc-answer",
  "firefox-answer",
  "safari-answer",
];

export function readFixture(name: FixtureName): string {
  return readFileSync(new URL(`fixtures/${name}.sdp`, import.meta.url), "utf8");
}

export const LOCAL: LocalDescription = {
  iceUfrag: "serverUfrag1",
  icePwd: "serverPassword1234567890",
  fingerprint: { algorithm: "sha-256", value: "AB:".repeat(31) + "AB" },
  candidates: [
    { protocol: "udp", address: "192.0.2.1", port: 7_000 },
    { protocol: "tcp", address: "192.0.2.1", port: 7_000 },
  ],
  sessionId: "4711",
  version: 1,
};

const FEEDBACK = { nack: true, pli: true, fir: true, remb: false, transportCc: false };

/** As a publisher negotiated them: payload types are its own. */
export const OPUS: CodecParameters = {
  payloadType: 111,
  mimeType: "audio/opus",
  clockRateHz: 48_000,
  channels: 2,
  fmtp: "minptime=10;useinbandfec=1",
  rtxPayloadType: 0,
  feedback: { ...FEEDBACK, nack: false, pli: false, fir: false },
};
export const VP8: CodecParameters = {
  payloadType: 120,
  mimeType: "video/VP8",
  clockRateHz: 90_000,
  channels: 0,
  fmtp: "",
  rtxPayloadType: 121,
  feedback: FEEDBACK,
};
export const H264: CodecParameters = {
  ...VP8,
  payloadType: 103,
  mimeType: "video/H264",
  fmtp: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
  rtxPayloadType: 104,
};

/** Random numbers that count. */
export function countingRandom(start = 1_000): { nextUint32(): number } {
  let next = start;
  return { nextUint32: () => next++ };
}

/** A description with an audio and two video tracks, to which the answer fixtures are answers. */
export function subscriberDescription(): SubscriberDescription {
  const description = new SubscriberDescription(countingRandom());
  description.addTrack({ trackId: "mic", participantId: "alice", kind: "audio", codecs: [OPUS] });
  description.addTrack({ trackId: "camera", participantId: "alice", kind: "video", codecs: [VP8] });
  description.addTrack({
    trackId: "screen",
    participantId: "alice",
    kind: "video",
    codecs: [H264, VP8],
  });
  return description;
}

export function subscriberOffer(): string {
  return subscriberDescription().writeOffer(LOCAL);
}
