import type { CodecParameters } from "@cation/engine/codec-parameters";
import { NO_HEADER_EXTENSIONS } from "@cation/engine/header-extensions";
import type { HeaderExtensionIds } from "@cation/engine/header-extensions";
import type { ProducerEncoding } from "@cation/engine/parameters";
import type { DtlsFingerprint } from "../dtls.ts";
import { PUBLISHER_CAPABILITIES } from "../router-capabilities.ts";
import type { RouterCapabilities } from "../router-capabilities.ts";
import { matchCodecs, matchExtensions, mediaKind } from "./codec-matching.ts";
import type { MediaDirection, ParsedMedia } from "./parsed-media.ts";
import { parseSession } from "./parsed-session.ts";
import type { DtlsSetup, ParsedSession } from "./parsed-session.ts";
import { SdpError } from "./sdp-error.ts";

/** An m-section of a publisher's offer, intersected with what the router forwards. */
export interface OfferedMedia {
  /** Empty only where the description has a single m-line without one. */
  readonly mid: string;
  readonly kind: "audio" | "video" | "application" | "other";
  /** As the client says it: "sendonly" and "sendrecv" publish. */
  readonly direction: MediaDirection;
  /** False: the answer rejects it with port 0. `reason` says why. */
  readonly accepted: boolean;
  readonly reason: RejectReason | undefined;
  /** Codecs that are forwarded, in the client's order and payload types. */
  readonly codecs: readonly CodecParameters[];
  readonly extensions: HeaderExtensionIds;
  /** In the order of the description; empty when nothing is sent. */
  readonly encodings: readonly ProducerEncoding[];
  /** Whether the encodings are simulcast by rid (RFC 8853), which the answer must confirm. */
  readonly simulcast: boolean;
  readonly rtcpRsize: boolean;
  readonly msid: { readonly streamId: string; readonly trackId: string } | undefined;
  /** The m-line as written, which a rejection repeats. */
  readonly line: { readonly kind: string; readonly protocol: string; readonly formats: readonly string[] };
}

/** Why an m-line is rejected. */
export type RejectReason =
  | "rejected-by-offerer"
  | "not-media"
  | "protocol"
  | "not-bundled"
  | "no-rtcp-mux"
  | "no-common-codec";

/** A publisher's offer, checked. */
export interface PublisherOffer {
  readonly iceUfrag: string;
  readonly icePwd: string;
  readonly iceOptions: readonly string[];
  readonly fingerprints: readonly DtlsFingerprint[];
  readonly setup: DtlsSetup;
  /** Mids of the BUNDLE group; empty without one. */
  readonly bundle: readonly string[];
  readonly extmapAllowMixed: boolean;
  readonly media: readonly OfferedMedia[];
}

/** Longest offer that is read. */
export const MAX_OFFER_BYTES = 256 * 1024;
const MAX_OFFER_MEDIA = 128;
const MAX_ENCODINGS = 8;
const NO_ENCODING: ProducerEncoding = { rid: "", ssrc: 0, rtxSsrc: 0 };
const RTP_PROTOCOLS: ReadonlySet<string> = new Set([
  "UDP/TLS/RTP/SAVPF",
  "UDP/TLS/RTP/SAVP",
  "TCP/TLS/RTP/SAVPF",
  "TCP/TLS/RTP/SAVP",
  "TCP/DTLS/RTP/SAVPF",
  "TCP/DTLS/RTP/SAVP",
  "RTP/SAVPF",
  "RTP/SAVP",
]);

/** Reads a publisher's offer (RFC 9429 §5.8). Throws SdpError, whose code and message go to the client. */
export function parsePublisherOffer(
  sdp: string,
  capabilities: RouterCapabilities = PUBLISHER_CAPABILITIES,
): PublisherOffer {
  const session = parseSession(sdp, { maxBytes: MAX_OFFER_BYTES, maxMedia: MAX_OFFER_MEDIA });
  if (session.setup === "passive") {
    throw new SdpError("SDP_UNSUPPORTED", "a=setup:passive: the client must open the DTLS connection");
  }
  const { media: sections, ...rest } = session;
  return { ...rest, media: sections.map((media) => readMedia(media, session, capabilities)) };
}

function readMedia(media: ParsedMedia, session: ParsedSession, capabilities: RouterCapabilities): OfferedMedia {
  const codecs = matchCodecs(media, capabilities);
  const reason = rejectReason(media, session, codecs);
  const accepted = reason === undefined;
  const sends = media.direction === "sendonly" || media.direction === "sendrecv";
  const encodings = accepted && sends ? readEncodings(media) : [];
  return {
    mid: media.mid,
    kind: mediaKind(media.kind) ?? (media.kind === "application" ? "application" : "other"),
    direction: media.direction,
    accepted,
    reason,
    codecs: accepted ? codecs : [],
    extensions: accepted ? readExtensions(media, session, codecs, capabilities) : NO_HEADER_EXTENSIONS,
    encodings,
    simulcast: encodings.length > 0 && media.sendSimulcast.length > 0,
    rtcpRsize: media.rtcpRsize,
    msid: media.msid,
    line: { kind: media.kind, protocol: media.protocol, formats: media.formats },
  };
}

/**
 * The dependency descriptor is for AV1, whose payload says nothing of layers; and only where two-byte headers are allowed,
 * since the one with the structure is longer than a one-byte header holds. With it libwebrtc leaves picture ids out of VP8.
 */
function readExtensions(
  media: ParsedMedia,
  session: ParsedSession,
  codecs: readonly CodecParameters[],
  capabilities: RouterCapabilities,
): HeaderExtensionIds {
  const allowTwoByte = session.extmapAllowMixed;
  const extensions = matchExtensions(media, capabilities, { client: "sends", allowTwoByte });
  const describesLayers = codecs[0]?.mimeType === "video/AV1" && allowTwoByte;
  return describesLayers ? extensions : { ...extensions, dependencyDescriptor: 0 };
}

function rejectReason(
  media: ParsedMedia,
  session: ParsedSession,
  codecs: readonly CodecParameters[],
): RejectReason | undefined {
  if (!media.usable) return "rejected-by-offerer";
  if (mediaKind(media.kind) === undefined) return "not-media";
  if (!RTP_PROTOCOLS.has(media.protocol)) return "protocol";
  const bundled = session.bundle.includes(media.mid);
  if (!bundled && (session.bundle.length > 0 || media.index > 0)) return "not-bundled";
  if (!media.rtcpMux) return "no-rtcp-mux";
  return codecs.length === 0 ? "no-common-codec" : undefined;
}

/** Simulcast by rid (RFC 8853), by ssrc group (SIM, before it was standard), or one stream. */
function readEncodings(media: ParsedMedia): ProducerEncoding[] {
  const rids = media.sendSimulcast.length > 0 ? media.sendSimulcast : media.sendRids;
  if (rids.length > MAX_ENCODINGS) {
    throw new SdpError("SDP_UNSUPPORTED", `m-line ${media.index} has more than ${MAX_ENCODINGS} encodings`);
  }
  if (rids.length > 0) return rids.map((rid) => ({ ...NO_ENCODING, rid }));

  const rtx = new Map<number, number>();
  for (const { semantics, ssrcs } of media.ssrcGroups) {
    const [primary, repair] = ssrcs;
    if (semantics === "FID" && primary !== undefined && repair !== undefined) rtx.set(primary, repair);
  }
  const simulcast = media.ssrcGroups.find(({ semantics }) => semantics === "SIM")?.ssrcs ?? [];
  const repairs = new Set(rtx.values());
  const single = [...rtx.keys(), ...media.ssrcs].find((ssrc) => !repairs.has(ssrc));
  const primaries = simulcast.length > 0 ? simulcast : single === undefined ? [] : [single];
  if (primaries.length === 0) return [NO_ENCODING];
  return [...new Set(primaries)]
    .slice(0, MAX_ENCODINGS)
    .map((ssrc) => ({ rid: "", ssrc, rtxSsrc: rtx.get(ssrc) ?? 0 }));
}
