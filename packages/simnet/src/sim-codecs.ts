import type { CodecParameters } from "@cation/engine/codec-parameters";
import { NO_HEADER_EXTENSIONS } from "@cation/engine/header-extensions";
import type { HeaderExtensionIds } from "@cation/engine/header-extensions";

const VIDEO_FEEDBACK = { nack: true, pli: true, fir: true, remb: false, transportCc: true };
const AUDIO_FEEDBACK = { nack: false, pli: false, fir: false, remb: false, transportCc: true };

/** VP8 with these payload types; `rtxPayloadType` 0 for none. */
export function simVp8(payloadType: number, rtxPayloadType: number): CodecParameters {
  return {
    payloadType,
    mimeType: "video/VP8",
    clockRateHz: 90_000,
    channels: 0,
    fmtp: "",
    rtxPayloadType,
    feedback: VIDEO_FEEDBACK,
  };
}

/** A video codec by name, with these payload types. */
export function simVideo(name: "VP8" | "VP9" | "AV1", payloadType: number, rtxPayloadType: number): CodecParameters {
  return { ...simVp8(payloadType, rtxPayloadType), mimeType: `video/${name}` };
}

/** Opus with this payload type. */
export function simOpus(payloadType: number): CodecParameters {
  return {
    payloadType,
    mimeType: "audio/opus",
    clockRateHz: 48_000,
    channels: 2,
    fmtp: "minptime=10;useinbandfec=1",
    rtxPayloadType: 0,
    feedback: AUDIO_FEEDBACK,
  };
}

/** Payload types and extension ids of publishers, viewers and relays: all different, so that a missing rewrite shows. */
export const PUBLISHER_VP8: CodecParameters = simVp8(96, 97);
export const PUBLISHER_OPUS: CodecParameters = simOpus(111);
export const PUBLISHER_EXTENSIONS: HeaderExtensionIds = {
  ...NO_HEADER_EXTENSIONS,
  mid: 4,
  rid: 10,
  repairedRid: 11,
  audioLevel: 1,
  absSendTime: 2,
  transportCc: 3,
  dependencyDescriptor: 12,
};
export const VIEWER_VP8: CodecParameters = simVp8(120, 121);
export const VIEWER_OPUS: CodecParameters = simOpus(63);
export const VIEWER_EXTENSIONS: HeaderExtensionIds = {
  ...NO_HEADER_EXTENSIONS,
  mid: 9,
  audioLevel: 6,
  absSendTime: 5,
  transportCc: 7,
  dependencyDescriptor: 13,
};

/** What a publisher sends a codec with. */
export function publisherCodec(name: "VP8" | "VP9" | "AV1"): CodecParameters {
  return name === "VP8" ? PUBLISHER_VP8 : simVideo(name, 98, 99);
}

/** What a viewer receives a codec with. */
export function viewerCodec(name: "VP8" | "VP9" | "AV1"): CodecParameters {
  return name === "VP8" ? VIEWER_VP8 : simVideo(name, 122, 123);
}
