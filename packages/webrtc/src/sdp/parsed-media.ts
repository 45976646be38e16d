import { SdpError } from "./sdp-error.ts";
import { decimalOf, valueOf, valuesOf, wordsOf } from "./sdp-sections.ts";
import type { SdpSection } from "./sdp-sections.ts";

export type MediaDirection = "sendrecv" | "sendonly" | "recvonly" | "inactive";

/** An a=rtpmap with what belongs to its payload type. */
export interface RtpMap {
  readonly payloadType: number;
  readonly name: string;
  readonly clockRateHz: number;
  readonly channels: number;
  readonly fmtp: string;
  /** Lower-case values of a=rtcp-fb, for example "nack pli"; those for all payload types included. */
  readonly feedback: ReadonlySet<string>;
}

/** An a=extmap (RFC 8285 §5), with what the client does with it. */
export interface ParsedExtension {
  readonly uri: string;
  readonly sends: boolean;
  readonly receives: boolean;
}

/** One m-section, normalised; nothing in it is decided yet. */
export interface ParsedMedia {
  readonly index: number;
  /** As written: "audio", "video", "application", … */
  readonly kind: string;
  readonly mid: string;
  readonly protocol: string;
  /** The fmt list of the m-line, as written. */
  readonly formats: readonly string[];
  /** Not rejected: its port is not 0, or it is bundle-only (RFC 9143 §6). */
  readonly usable: boolean;
  readonly direction: MediaDirection;
  readonly rtcpMux: boolean;
  readonly rtcpRsize: boolean;
  /** In the order of the m-line, which is the order of preference. */
  readonly rtpMaps: readonly RtpMap[];
  /** By id, in the order written. */
  readonly extensions: ReadonlyMap<number, ParsedExtension>;
  readonly msid: { readonly streamId: string; readonly trackId: string } | undefined;
  /** Distinct ssrcs of a=ssrc lines, in the order written. */
  readonly ssrcs: readonly number[];
  readonly ssrcGroups: readonly { readonly semantics: string; readonly ssrcs: readonly number[] }[];
  /** Ids of a=rid lines with direction send. */
  readonly sendRids: readonly string[];
  /** First alternative of each stream of a=simulcast send; empty without simulcast. */
  readonly sendSimulcast: readonly string[];
}

const DIRECTIONS: readonly MediaDirection[] = ["sendrecv", "sendonly", "recvonly", "inactive"];
/** A token (RFC 8866 §9) that fits a one-byte header extension (RFC 8285 §4.2). */
const MID = /^[A-Za-z0-9!#$%&'*+.^_`{|}~-]{1,16}$/;
const RID = /^[A-Za-z0-9_-]{1,16}$/;
/** SSRC lines of one m-section that are looked at. */
const MAX_SSRCS = 64;

/** Normalises an m-section. Throws SdpError. */
export function parseMediaSection(section: SdpSection, index: number): ParsedMedia {
  const mid = valueOf(section, "mid") ?? "";
  if (mid !== "" && !MID.test(mid)) {
    throw new SdpError("SDP_INVALID", `the a=mid of m-line ${index} is not a token of 1 … 16 characters`);
  }
  const [kind, port, protocol, ...formats] = wordsOf(section.mLine);
  if (kind === undefined || port === undefined || protocol === undefined || !/^\d+(\/\d+)?$/.test(port)) {
    throw new SdpError("SDP_INVALID", `m-line ${index} cannot be read`);
  }
  return {
    index,
    kind,
    mid,
    protocol,
    formats,
    usable: Number.parseInt(port, 10) !== 0 || section.attributes.has("bundle-only"),
    direction: DIRECTIONS.find((direction) => section.attributes.has(direction)) ?? "sendrecv",
    rtcpMux: section.attributes.has("rtcp-mux"),
    rtcpRsize: section.attributes.has("rtcp-rsize"),
    rtpMaps: readRtpMaps(section, kind, formats),
    extensions: readExtensions(section),
    msid: readMsid(section),
    ssrcs: readSsrcs(section),
    ssrcGroups: readSsrcGroups(section),
    ...readRids(section, index),
  };
}

function readRtpMaps(section: SdpSection, kind: string, formats: readonly string[]): RtpMap[] {
  const rtpmap = splitByFormat(valuesOf(section, "rtpmap"));
  const fmtp = splitByFormat(valuesOf(section, "fmtp"));
  const feedback = readFeedback(section);
  const forAll = feedback.get("*") ?? [];
  const maps: RtpMap[] = [];
  for (const format of new Set(formats)) {
    const payloadType = decimalOf(format);
    const encoding = rtpmap.get(format);
    if (encoding === undefined || !(payloadType <= 127)) continue;
    const [name = "", clockRateHz, channels = "1"] = encoding.split("/");
    maps.push({
      payloadType,
      name,
      clockRateHz: decimalOf(clockRateHz),
      channels: kind === "audio" ? decimalOf(channels) : 0,
      fmtp: fmtp.get(format) ?? "",
      feedback: new Set([...forAll, ...(feedback.get(format) ?? [])]),
    });
  }
  return maps;
}

/** Values of the form "format rest", by format; the last one counts. */
function splitByFormat(values: readonly string[]): Map<string, string> {
  const byFormat = new Map<string, string>();
  for (const value of values) {
    const space = value.indexOf(" ");
    if (space > 0) byFormat.set(value.slice(0, space), value.slice(space + 1).trim());
  }
  return byFormat;
}

function readFeedback(section: SdpSection): Map<string, string[]> {
  const byFormat = new Map<string, string[]>();
  for (const value of valuesOf(section, "rtcp-fb")) {
    const [format = "", ...words] = wordsOf(value.toLowerCase());
    const values = byFormat.get(format);
    if (values === undefined) byFormat.set(format, [words.join(" ")]);
    else values.push(words.join(" "));
  }
  return byFormat;
}

/** Ids 15 and above 255 are not valid (RFC 8285 §4). */
function readExtensions(section: SdpSection): Map<number, ParsedExtension> {
  const extensions = new Map<number, ParsedExtension>();
  for (const value of valuesOf(section, "extmap")) {
    const [target = "", uri] = wordsOf(value);
    const [number, direction] = target.split("/");
    const id = decimalOf(number);
    if (uri === undefined || !(id >= 1 && id <= 255) || id === 15 || extensions.has(id)) continue;
    const sends = direction !== "recvonly" && direction !== "inactive";
    const receives = direction !== "sendonly" && direction !== "inactive";
    extensions.set(id, { uri, sends, receives });
  }
  return extensions;
}

function readMsid(section: SdpSection): ParsedMedia["msid"] {
  const [streamId, trackId = ""] = wordsOf(valueOf(section, "msid") ?? "");
  return streamId === undefined ? undefined : { streamId, trackId };
}

function readSsrcs(section: SdpSection): number[] {
  const ssrcs = new Set<number>();
  for (const value of valuesOf(section, "ssrc")) {
    const ssrc = decimalOf(wordsOf(value)[0]);
    if (ssrcs.size < MAX_SSRCS && isSsrc(ssrc)) ssrcs.add(ssrc);
  }
  return [...ssrcs];
}

function readSsrcGroups(section: SdpSection): { semantics: string; ssrcs: number[] }[] {
  return valuesOf(section, "ssrc-group")
    .slice(0, MAX_SSRCS)
    .map((value) => {
      const [semantics = "", ...ssrcs] = wordsOf(value).slice(0, MAX_SSRCS);
      return { semantics, ssrcs: ssrcs.map(decimalOf).filter(isSsrc) };
    });
}

/** 0 is valid on the wire, but stands for "unknown" everywhere in this code. */
function isSsrc(value: number): boolean {
  return value > 0 && value <= 0xffff_ffff;
}

function readRids(section: SdpSection, index: number): Pick<ParsedMedia, "sendRids" | "sendSimulcast"> {
  const sendRids = new Set<string>();
  for (const value of valuesOf(section, "rid")) {
    const [rid = "", direction] = wordsOf(value);
    if (direction !== "send") continue;
    if (!RID.test(rid)) {
      throw new SdpError("SDP_INVALID", `an a=rid of m-line ${index} is not a token of 1 … 16 characters`);
    }
    sendRids.add(rid);
  }
  const sendSimulcast = simulcastStreams(section).filter((rid) => sendRids.has(rid));
  return { sendRids: [...sendRids], sendSimulcast: [...new Set(sendSimulcast)] };
}

/** RFC 8853 §5.1: streams are joined by ";", alternatives of one by ",", and "~" marks those that start paused. */
function simulcastStreams(section: SdpSection): string[] {
  const words = wordsOf(valueOf(section, "simulcast") ?? "");
  const send = words.indexOf("send");
  if (send < 0) return [];
  return (words[send + 1] ?? "")
    .split(";")
    .map((stream) => (stream.split(",")[0] ?? "").replace(/^~/, ""))
    .filter(Boolean);
}
