import { HEADER_EXTENSION_URIS } from "@cation/engine/header-extensions";
import type { HeaderExtensionIds, HeaderExtensionName } from "@cation/engine/header-extensions";
import type { CodecParameters } from "@cation/engine/codec-parameters";
import type { MediaDescription, SessionDescription } from "sdp-transform";
import type { LocalCandidate, LocalDescription } from "./local-description.ts";

/** Type preferences (RFC 8445 §5.1.2.1, RFC 6544 §4.2): UDP before TCP. */
const UDP_TYPE_PREFERENCE = 126;
const TCP_TYPE_PREFERENCE = 90;
const RTP_COMPONENT = 1;

/** Session-level lines of an ICE-lite description (RFC 8839 §5.3). `mids`: the BUNDLE group. */
export function sessionLines(local: LocalDescription, mids: readonly string[]): Omit<SessionDescription, "media"> {
  return {
    version: 0,
    origin: {
      username: "-",
      sessionId: local.sessionId,
      sessionVersion: local.version,
      netType: "IN",
      ipVer: 4,
      address: "127.0.0.1",
    },
    name: "-",
    timing: { start: 0, stop: 0 },
    icelite: "ice-lite",
    ...(mids.length > 0 ? { groups: [{ type: "BUNDLE", mids: mids.join(" ") }] } : {}),
    extmapAllowMixed: "extmap-allow-mixed",
    msidSemantic: { semantic: "WMS", token: "*" },
  };
}

/** ICE and DTLS lines of an m-section. Candidates only where `withCandidates`: the first of a bundle has them for all. */
export function transportLines(
  local: LocalDescription,
  setup: "passive" | "actpass",
  withCandidates: boolean,
): Partial<MediaDescription> {
  return {
    connection: { version: 4, ip: "0.0.0.0" },
    rtcp: { port: 9, netType: "IN", ipVer: 4, address: "0.0.0.0" },
    iceUfrag: local.iceUfrag,
    icePwd: local.icePwd,
    fingerprint: { type: local.fingerprint.algorithm, hash: local.fingerprint.value },
    setup,
    rtcpMux: "rtcp-mux",
    ...(withCandidates
      ? { candidates: local.candidates.map(candidateLine), endOfCandidates: "end-of-candidates" }
      : {}),
  };
}

function candidateLine(candidate: LocalCandidate, index: number): NonNullable<MediaDescription["candidates"]>[number] {
  const tcp = candidate.protocol === "tcp";
  const typePreference = tcp ? TCP_TYPE_PREFERENCE : UDP_TYPE_PREFERENCE;
  return {
    foundation: `${candidate.protocol}${index}`,
    component: RTP_COMPONENT,
    transport: candidate.protocol,
    priority: typePreference * 2 ** 24 + (65_535 - index) * 2 ** 8 + (256 - RTP_COMPONENT),
    ip: candidate.address,
    port: candidate.port,
    type: "host",
    ...(tcp ? { tcptype: "passive" } : {}),
  };
}

/** The payloads list with rtpmap, fmtp and rtcp-fb lines of codecs and their RTX. */
export function codecLines(
  codecs: readonly CodecParameters[],
): Pick<MediaDescription, "payloads" | "rtp" | "fmtp" | "rtcpFb"> {
  const payloads: number[] = [];
  const rtp: MediaDescription["rtp"] = [];
  const fmtp: MediaDescription["fmtp"] = [];
  const rtcpFb: NonNullable<MediaDescription["rtcpFb"]> = [];
  for (const codec of codecs) {
    const name = codec.mimeType.slice(codec.mimeType.indexOf("/") + 1);
    payloads.push(codec.payloadType);
    rtp.push({
      payload: codec.payloadType,
      codec: name,
      rate: codec.clockRateHz,
      ...(codec.channels > 1 ? { encoding: codec.channels } : {}),
    });
    if (codec.fmtp !== "") fmtp.push({ payload: codec.payloadType, config: codec.fmtp });
    rtcpFb.push(...feedbackLines(codec));
    if (codec.rtxPayloadType !== 0) {
      payloads.push(codec.rtxPayloadType);
      rtp.push({ payload: codec.rtxPayloadType, codec: "rtx", rate: codec.clockRateHz });
      fmtp.push({ payload: codec.rtxPayloadType, config: `apt=${codec.payloadType}` });
    }
  }
  return { payloads: payloads.join(" "), rtp, fmtp, rtcpFb };
}

function feedbackLines(codec: CodecParameters): NonNullable<MediaDescription["rtcpFb"]> {
  const { payloadType: payload, feedback } = codec;
  return [
    ...(feedback.remb ? [{ payload, type: "goog-remb" }] : []),
    ...(feedback.transportCc ? [{ payload, type: "transport-cc" }] : []),
    ...(feedback.fir ? [{ payload, type: "ccm", subtype: "fir" }] : []),
    ...(feedback.nack ? [{ payload, type: "nack" }] : []),
    ...(feedback.pli ? [{ payload, type: "nack", subtype: "pli" }] : []),
  ];
}

/** extmap lines of the extensions that have an id. */
export function extensionLines(ids: HeaderExtensionIds): { value: number; uri: string }[] {
  const names = Object.keys(HEADER_EXTENSION_URIS) as HeaderExtensionName[];
  return names
    .filter((name) => ids[name] !== 0)
    .map((name) => ({ value: ids[name], uri: HEADER_EXTENSION_URIS[name] }));
}
