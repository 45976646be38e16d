import type { CodecParameters } from "@cation/engine/codec-parameters";
import { HEADER_EXTENSION_URIS, NO_HEADER_EXTENSIONS } from "@cation/engine/header-extensions";
import type { HeaderExtensionIds, HeaderExtensionName } from "@cation/engine/header-extensions";
import { findRouterCodec, parseFmtp } from "../router-capabilities.ts";
import type { CodecFeedback, MediaKind, RouterCapabilities } from "../router-capabilities.ts";
import type { ParsedMedia, RtpMap } from "./parsed-media.ts";

/** Codecs of an m-section that the router forwards, in the client's order, each with its RTX (RFC 4588). */
export function matchCodecs(media: ParsedMedia, capabilities: RouterCapabilities): CodecParameters[] {
  const kind = mediaKind(media.kind);
  if (kind === undefined) return [];
  const rtx = rtxByPayloadType(media.rtpMaps);
  const codecs: CodecParameters[] = [];
  for (const map of media.rtpMaps) {
    const mimeType = `${media.kind}/${map.name}`;
    const codec = findRouterCodec(capabilities.codecs, mimeType, map.clockRateHz, map.channels, map.fmtp);
    if (codec === undefined || codec.kind !== kind) continue;
    codecs.push({
      payloadType: map.payloadType,
      mimeType: codec.mimeType,
      clockRateHz: codec.clockRateHz,
      channels: codec.channels,
      fmtp: map.fmtp,
      rtxPayloadType: rtx.get(map.payloadType) ?? 0,
      feedback: matchFeedback(map.feedback, capabilities.feedback[kind]),
    });
  }
  // RED alone wraps nothing that anybody has.
  return codecs.every(({ mimeType }) => mimeType === "audio/red") ? [] : codecs;
}

/**
 * Codecs of an answer among those that were offered, in the answer's order and payload types: what may be sent.
 * RFC 3264 §6.1: the numbers of the answer are those to send with; every known client repeats the offer's.
 */
export function matchAnsweredCodecs(media: ParsedMedia, offered: readonly CodecParameters[]): CodecParameters[] {
  const rtx = rtxByPayloadType(media.rtpMaps);
  const codecs: CodecParameters[] = [];
  for (const map of media.rtpMaps) {
    const mimeType = `${media.kind}/${map.name}`.toLowerCase();
    const same = offered.filter(
      (codec) =>
        codec.mimeType.toLowerCase() === mimeType &&
        codec.clockRateHz === map.clockRateHz &&
        codec.channels === map.channels,
    );
    const codec = same.find(({ payloadType }) => payloadType === map.payloadType) ?? only(same);
    if (codec === undefined) continue;
    codecs.push({
      ...codec,
      payloadType: map.payloadType,
      rtxPayloadType: codec.rtxPayloadType === 0 ? 0 : (rtx.get(map.payloadType) ?? 0),
      feedback: matchFeedback(map.feedback, codec.feedback),
    });
  }
  return codecs;
}

function only<T>(values: readonly T[]): T | undefined {
  return values.length === 1 ? values[0] : undefined;
}

/**
 * Ids of the extensions that both sides know and the client sends, or receives. The first id wins where a URI is listed
 * twice.
 */
export function matchExtensions(
  media: ParsedMedia,
  capabilities: RouterCapabilities,
  options: { readonly client: "sends" | "receives"; readonly allowTwoByte: boolean },
): HeaderExtensionIds {
  const kind = mediaKind(media.kind);
  if (kind === undefined) return NO_HEADER_EXTENSIONS;
  const ids: Record<HeaderExtensionName, number> = { ...NO_HEADER_EXTENSIONS };
  const idByUri = new Map<string, number>();
  for (const [id, extension] of media.extensions) {
    const usable = extension[options.client] && (id < 15 || options.allowTwoByte);
    if (usable && !idByUri.has(extension.uri)) idByUri.set(extension.uri, id);
  }
  for (const name of capabilities.extensions[kind]) {
    ids[name] = idByUri.get(HEADER_EXTENSION_URIS[name]) ?? 0;
  }
  return ids;
}

/** Whether a kind of m-line carries media. */
export function mediaKind(kind: string): MediaKind | undefined {
  return kind === "audio" || kind === "video" ? kind : undefined;
}

function rtxByPayloadType(maps: readonly RtpMap[]): Map<number, number> {
  const rtx = new Map<number, number>();
  for (const map of maps) {
    if (map.name.toLowerCase() !== "rtx") continue;
    const apt = Number(parseFmtp(map.fmtp).get("apt") ?? NaN);
    if (Number.isInteger(apt) && !rtx.has(apt)) rtx.set(apt, map.payloadType);
  }
  return rtx;
}

function matchFeedback(values: ReadonlySet<string>, supported: CodecFeedback): CodecFeedback {
  return {
    nack: supported.nack && values.has("nack"),
    pli: supported.pli && values.has("nack pli"),
    fir: supported.fir && values.has("ccm fir"),
    remb: supported.remb && values.has("goog-remb"),
    transportCc: supported.transportCc && values.has("transport-cc"),
  };
}
