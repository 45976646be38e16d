import type { CodecParameters } from "../codec-parameters.ts";
import type { HeaderExtensionIds } from "../header-extensions.ts";
import { NO_HEADER_EXTENSIONS } from "../header-extensions.ts";

const VIDEO_FEEDBACK = { nack: true, pli: true, fir: true, remb: true, transportCc: true };
const AUDIO_FEEDBACK = { nack: false, pli: false, fir: false, remb: false, transportCc: true };

/** VP8 as a client negotiates it. */
export function vp8(payloadType: number, rtxPayloadType: number): CodecParameters {
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

/** Opus as a client negotiates it. */
export function opus(payloadType: number): CodecParameters {
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

/** Extension ids as a publishing client numbers them. */
export const PUBLISHER_EXTENSIONS: HeaderExtensionIds = {
  ...NO_HEADER_EXTENSIONS,
  mid: 4,
  rid: 10,
  repairedRid: 11,
  audioLevel: 1,
  absSendTime: 2,
  transportCc: 3,
  videoOrientation: 13,
};

/** Extension ids as a receiving client numbers them: others than the publisher's. */
export const VIEWER_EXTENSIONS: HeaderExtensionIds = {
  ...NO_HEADER_EXTENSIONS,
  mid: 9,
  audioLevel: 6,
  absSendTime: 5,
  transportCc: 7,
  videoOrientation: 8,
};
