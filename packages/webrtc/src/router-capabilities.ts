import type { CodecParameters } from "@cation/engine/codec-parameters";
import type { HeaderExtensionName } from "@cation/engine/header-extensions";

export type MediaKind = "audio" | "video";
export type CodecFeedback = CodecParameters["feedback"];

/** A codec that is forwarded. */
export interface RouterCodec {
  readonly kind: MediaKind;
  /** Canonical spelling, for example "video/VP8". */
  readonly mimeType: string;
  readonly clockRateHz: number;
  /** 0 for video. */
  readonly channels: number;
  /**
   * Decides whether an fmtp value names a variant that is forwarded. Parameters are keyed in lower case; what is absent
   * has the default of the codec's payload format.
   */
  acceptsFmtp(parameters: ReadonlyMap<string, string>): boolean;
}

/** What one direction of the router does. */
export interface RouterCapabilities {
  readonly codecs: readonly RouterCodec[];
  readonly extensions: Readonly<Record<MediaKind, readonly HeaderExtensionName[]>>;
  readonly feedback: Readonly<Record<MediaKind, CodecFeedback>>;
}

const anyFmtp = (): boolean => true;

/** Constrained baseline and baseline (66), main (77), high (100), by profile_idc (RFC 6184 §8.1). */
const H264_PROFILES: ReadonlySet<string> = new Set(["42", "4d", "64"]);

function acceptsH264(parameters: ReadonlyMap<string, string>): boolean {
  const mode = parameters.get("packetization-mode") ?? "0";
  const profile = (parameters.get("profile-level-id") ?? "42000a").toLowerCase();
  return (mode === "0" || mode === "1") && /^[0-9a-f]{6}$/.test(profile) && H264_PROFILES.has(profile.slice(0, 2));
}

/** Codecs that are forwarded as they are. Payload types are each transport's own. */
export const ROUTER_CODECS: readonly RouterCodec[] = [
  { kind: "audio", mimeType: "audio/opus", clockRateHz: 48_000, channels: 2, acceptsFmtp: anyFmtp },
  { kind: "video", mimeType: "video/VP8", clockRateHz: 90_000, channels: 0, acceptsFmtp: anyFmtp },
  {
    kind: "video",
    mimeType: "video/VP9",
    clockRateHz: 90_000,
    channels: 0,
    acceptsFmtp: (parameters) => ["0", "2"].includes(parameters.get("profile-id") ?? "0"),
  },
  {
    kind: "video",
    mimeType: "video/H264",
    clockRateHz: 90_000,
    channels: 0,
    acceptsFmtp: acceptsH264,
  },
  {
    kind: "video",
    mimeType: "video/AV1",
    clockRateHz: 90_000,
    channels: 0,
    acceptsFmtp: (parameters) => (parameters.get("profile") ?? "0") === "0",
  },
];

/**
 * Redundant Opus (RFC 2198). Passed on to whom has it, with the payload types inside rewritten; receivers that lack it
 * (Firefox, older Safari) get the newest block of each packet as plain Opus.
 */
export const RED_CODEC: RouterCodec = {
  kind: "audio",
  mimeType: "audio/red",
  clockRateHz: 48_000,
  channels: 2,
  acceptsFmtp: anyFmtp,
};

/**
 * What is taken from a publisher, which is what the engine answers to. Left out:
 *
 * - video orientation (CVO): a publisher that has it no longer turns the picture itself, and receivers without it
 *   (Firefox) would see it lying on its side.
 * - the dependency descriptor on m-lines that do not prefer AV1: a publisher that has it leaves picture ids and layers out
 *   of its VP8 descriptors (ADR 0009). `readMedia` of the offer sees to it.
 */
export const PUBLISHER_CAPABILITIES: RouterCapabilities = {
  codecs: [...ROUTER_CODECS, RED_CODEC],
  extensions: {
    audio: ["mid", "audioLevel", "absSendTime", "transportCc", "absCaptureTime"],
    video: [
      "mid",
      "rid",
      "repairedRid",
      "dependencyDescriptor",
      "absSendTime",
      "transportCc",
      "absCaptureTime",
      "playoutDelay",
    ],
  },
  feedback: {
    audio: { nack: true, pli: false, fir: false, remb: false, transportCc: true },
    video: { nack: true, pli: true, fir: true, remb: true, transportCc: true },
  },
};

/** What is offered to a subscriber. */
export const SUBSCRIBER_CAPABILITIES: RouterCapabilities = {
  codecs: [...ROUTER_CODECS, RED_CODEC],
  extensions: {
    audio: ["mid", "audioLevel", "absSendTime", "transportCc", "absCaptureTime"],
    video: [
      "mid",
      "absSendTime",
      "transportCc",
      "absCaptureTime",
      "playoutDelay",
      "videoOrientation",
      "dependencyDescriptor",
    ],
  },
  feedback: {
    audio: { nack: true, pli: false, fir: false, remb: false, transportCc: true },
    video: { nack: true, pli: true, fir: true, remb: true, transportCc: true },
  },
};

/** An fmtp value as a map, keys in lower case (RFC 8866 §6.15: "name=value;name=value"). */
export function parseFmtp(fmtp: string): Map<string, string> {
  const parameters = new Map<string, string>();
  for (const part of fmtp.split(";")) {
    const equals = part.indexOf("=");
    const name = (equals < 0 ? part : part.slice(0, equals)).trim().toLowerCase();
    if (name !== "") parameters.set(name, equals < 0 ? "" : part.slice(equals + 1).trim());
  }
  return parameters;
}

/** The codec of the list that a description's rtpmap and fmtp name, if any. Names compare without case. */
export function findRouterCodec(
  codecs: readonly RouterCodec[],
  mimeType: string,
  clockRateHz: number,
  channels: number,
  fmtp: string,
): RouterCodec | undefined {
  const wanted = mimeType.toLowerCase();
  return codecs.find(
    (codec) =>
      codec.mimeType.toLowerCase() === wanted &&
      codec.clockRateHz === clockRateHz &&
      codec.channels === channels &&
      codec.acceptsFmtp(parseFmtp(fmtp)),
  );
}
