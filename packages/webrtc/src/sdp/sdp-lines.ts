import { HEADER_EXTENSION_URIS } from "@cation/engine/header-extensions";
import type { HeaderExtensionIds, HeaderExtensionName } from "@cation/engine/header-extensions";
import type { CodecParameters } from "@cation/engine/codec-parameters";
import type { LocalCandidate, LocalDescription } from "./local-description.ts";

/** Lines of a description, without their ends. */
export type SdpLines = readonly string[];

/** Type preferences (RFC 8445 §5.1.2.1, RFC 6544 §4.2): UDP before TCP. */
const UDP_TYPE_PREFERENCE = 126;
const TCP_TYPE_PREFERENCE = 90;
const RTP_COMPONENT = 1;
const EXTENSION_NAMES = Object.keys(HEADER_EXTENSION_URIS) as HeaderExtensionName[];

/** The text of a description. */
export function joinLines(lines: SdpLines): string {
  return `${lines.join("\r\n")}\r\n`;
}

/** Session-level lines of an ICE-lite description (RFC 8839 §5.3). `mids`: the BUNDLE group. */
export function sessionLines(local: LocalDescription, mids: readonly string[], extmapAllowMixed: boolean): SdpLines {
  return [
    "v=0",
    `o=- ${local.sessionId} ${local.version} IN IP4 127.0.0.1`,
    "s=-",
    "t=0 0",
    "a=ice-lite",
    ...(mids.length > 0 ? [`a=group:BUNDLE ${mids.join(" ")}`] : []),
    ...(extmapAllowMixed ? ["a=extmap-allow-mixed"] : []),
    "a=msid-semantic: WMS *",
  ];
}

/** The m= and c= lines of a section that is used. Where it goes is said by candidates, not here (RFC 8840 §4.1.1). */
export function mediaLines(kind: string, protocol: string, codecs: readonly CodecParameters[]): SdpLines {
  const formats = codecs.flatMap(({ payloadType, rtxPayloadType }) =>
    rtxPayloadType === 0 ? [payloadType] : [payloadType, rtxPayloadType],
  );
  return [`m=${kind} 9 ${protocol} ${formats.join(" ")}`, "c=IN IP4 0.0.0.0", "a=rtcp:9 IN IP4 0.0.0.0"];
}

/** A section that is rejected, or stopped for good. */
export function rejectedLines(kind: string, protocol: string, formats: string, mid: string): SdpLines {
  return [
    `m=${kind} 0 ${protocol} ${formats}`,
    "c=IN IP4 0.0.0.0",
    ...(mid === "" ? [] : [`a=mid:${mid}`]),
    "a=inactive",
  ];
}

/** ICE and DTLS lines of an m-section. Candidates only where `withCandidates`: the first of a bundle has them for all. */
export function transportLines(
  local: LocalDescription,
  setup: "passive" | "actpass",
  withCandidates: boolean,
): SdpLines {
  return [
    `a=ice-ufrag:${local.iceUfrag}`,
    `a=ice-pwd:${local.icePwd}`,
    `a=fingerprint:${local.fingerprint.algorithm} ${local.fingerprint.value}`,
    `a=setup:${setup}`,
    "a=rtcp-mux",
    ...(withCandidates ? [...local.candidates.map(candidateLine), "a=end-of-candidates"] : []),
  ];
}

function candidateLine(candidate: LocalCandidate, index: number): string {
  const { protocol, address, port } = candidate;
  const typePreference = protocol === "tcp" ? TCP_TYPE_PREFERENCE : UDP_TYPE_PREFERENCE;
  const priority = typePreference * 2 ** 24 + (65_535 - index) * 2 ** 8 + (256 - RTP_COMPONENT);
  const tcpType = protocol === "tcp" ? " tcptype passive" : "";
  return `a=candidate:${protocol}${index} ${RTP_COMPONENT} ${protocol} ${priority} ${address} ${port} typ host${tcpType}`;
}

/** rtpmap, fmtp and rtcp-fb lines of codecs and their RTX. */
export function codecLines(codecs: readonly CodecParameters[]): SdpLines {
  return codecs.flatMap((codec) => {
    const { payloadType, mimeType, clockRateHz, channels, fmtp, rtxPayloadType } = codec;
    const name = mimeType.slice(mimeType.indexOf("/") + 1);
    return [
      `a=rtpmap:${payloadType} ${name}/${clockRateHz}${channels > 1 ? `/${channels}` : ""}`,
      ...feedbackLines(codec),
      ...(fmtp === "" ? [] : [`a=fmtp:${payloadType} ${fmtp}`]),
      ...(rtxPayloadType === 0
        ? []
        : [`a=rtpmap:${rtxPayloadType} rtx/${clockRateHz}`, `a=fmtp:${rtxPayloadType} apt=${payloadType}`]),
    ];
  });
}

function feedbackLines({ payloadType, feedback }: CodecParameters): SdpLines {
  const values = [
    feedback.remb ? "goog-remb" : "",
    feedback.transportCc ? "transport-cc" : "",
    feedback.fir ? "ccm fir" : "",
    feedback.nack ? "nack" : "",
    feedback.pli ? "nack pli" : "",
  ];
  return values.filter(Boolean).map((value) => `a=rtcp-fb:${payloadType} ${value}`);
}

/** extmap lines of the extensions that have an id. */
export function extensionLines(ids: HeaderExtensionIds): SdpLines {
  return EXTENSION_NAMES.filter((name) => ids[name] !== 0).map(
    (name) => `a=extmap:${ids[name]} ${HEADER_EXTENSION_URIS[name]}`,
  );
}
