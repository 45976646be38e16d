import { writePublisherAnswer } from "@cation/webrtc/sdp/publisher-answer";
import { parsePublisherOffer } from "@cation/webrtc/sdp/publisher-offer";
import { SdpError } from "@cation/webrtc/sdp/sdp-error";
import { SubscriberDescription } from "@cation/webrtc/sdp/subscriber-offer";
import { LOCAL, VP8, countingRandom, readFixture } from "@cation/webrtc/testing/sdp-fixtures";
import type { FixtureName } from "@cation/webrtc/testing/sdp-fixtures";
import { Digest } from "../digest.ts";
import { REFUSED } from "../fuzz-target.ts";
import type { FuzzTarget } from "../fuzz-target.ts";

/** Payload types of the fixtures' Opus and VP8, and those of their RTX. */
const KEPT_PAYLOAD_TYPES = ["111", "109", "96", "97", "120", "124"];
const OF_PAYLOAD_TYPE = /^a=(rtpmap|fmtp|rtcp-fb):(\d+)/;

/** One m-section of a recorded description, without its many codecs, so that mutations hit the rest as well. */
function shortened(name: FixtureName, mid: 0 | 1): Uint8Array {
  const [session, ...sections] = readFixture(name).split(/(?=^m=)/m);
  const lines = `${session.replace(/BUNDLE .*/, `BUNDLE ${mid}`)}${sections[mid]}`
    .split("\r\n")
    .filter((line) => KEPT_PAYLOAD_TYPES.includes(OF_PAYLOAD_TYPE.exec(line)?.[2] ?? KEPT_PAYLOAD_TYPES[0]))
    .filter((line) => !/^a=(extmap:1[1-9]|rtcp:)/.test(line));
  return new TextEncoder().encode(lines.join("\r\n"));
}

/** Reads a description; undefined where it was refused as it should be, with an SdpError. */
function refused<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof SdpError) return undefined;
    throw error;
  }
}

function digestOf(digest: Digest, length: number, text: string): number {
  digest.start(0, length);
  for (let i = 0; i < text.length; i++) digest.number(text.charCodeAt(i));
  return digest.value;
}

/** Offers of publishers, each answered. */
export function sdpOffer(): FuzzTarget {
  const decoder = new TextDecoder();
  const digest = new Digest();
  return {
    name: "sdp-offer",
    seeds: [
      shortened("chromium-offer-simulcast", 1),
      shortened("firefox-offer-simulcast", 1),
      shortened("safari-offer-single", 0),
    ],
    read(bytes, offset, length) {
      const sdp = decoder.decode(bytes.subarray(offset, offset + length));
      const offer = refused(() => parsePublisherOffer(sdp));
      return offer === undefined ? REFUSED : digestOf(digest, length, writePublisherAnswer(offer, LOCAL));
    },
  };
}

/** A description with one video track. */
function offered(): SubscriberDescription {
  const description = new SubscriberDescription(countingRandom());
  description.addTrack({ trackId: "camera", participantId: "alice", kind: "video", codecs: [VP8] });
  description.writeOffer(LOCAL);
  return description;
}

/** An answer to it: the video section of Chromium's, under its mid and payload types. */
function answer(): Uint8Array {
  const [session, , video] = readFixture("chromium-answer").split(/(?=^m=)/m);
  const sdp = `${session.replace("BUNDLE 0 1 2", "BUNDLE 0")}${video.replace("mid:1", "mid:0")}`;
  return new TextEncoder().encode(sdp.replaceAll("97", "96").replaceAll("98", "97"));
}

/** Answers of subscribers. */
export function sdpAnswer(): FuzzTarget {
  const decoder = new TextDecoder();
  const digest = new Digest();
  return {
    name: "sdp-answer",
    seeds: [answer()],
    read(bytes, offset, length) {
      const sdp = decoder.decode(bytes.subarray(offset, offset + length));
      const read = refused(() => offered().applyAnswer(sdp));
      return read === undefined ? REFUSED : digestOf(digest, length, JSON.stringify([...read.media]));
    },
  };
}
