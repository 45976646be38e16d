import type { MediaDescription } from "sdp-transform";
import { SdpError } from "./sdp-error.ts";

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

const DIRECTIONS: readonly string[] = ["sendrecv", "sendonly", "recvonly", "inactive"];
/** A token (RFC 8866 §9) that fits a one-byte header extension (RFC 8285 §4.2). */
const MID = /^[A-Za-z0-9!#$%&'*+.^_`{|}~-]{1,16}$/;
const RID = /^[A-Za-z0-9_-]{1,16}$/;
/** SSRC lines of one m-section that are looked at. */
const MAX_SSRCS = 64;

/** Normalises what sdp-transform read. Throws SdpError. */
export function parseMediaSection(section: MediaDescription, index: number): ParsedMedia {
  const mid = String(section.mid ?? "");
  if (mid !== "" && !MID.test(mid)) {
    throw new SdpError("SDP_INVALID", `the a=mid of m-line ${index} is not a token of 1 … 16 characters`);
  }
  if (section.type === undefined || section.protocol === undefined) {
    throw new SdpError("SDP_INVALID", `m-line ${index} cannot be read`);
  }
  const formats = String(section.payloads ?? "")
    .split(" ")
    .filter(Boolean);
  return {
    index,
    kind: String(section.type),
    mid,
    protocol: String(section.protocol),
    formats,
    usable: Number(section.port) !== 0 || section.bundleOnly !== undefined,
    direction: readDirection(section),
    rtcpMux: section.rtcpMux !== undefined,
    rtcpRsize: section.rtcpRsize !== undefined,
    rtpMaps: readRtpMaps(section, formats),
    extensions: readExtensions(section),
    msid: readMsid(section),
    ssrcs: readSsrcs(section),
    ssrcGroups: readSsrcGroups(section),
    ...readRids(section, index),
  };
}

function readDirection(section: MediaDescription): MediaDirection {
  const direction = String(section.direction ?? "sendrecv");
  return DIRECTIONS.includes(direction) ? (direction as MediaDirection) : "sendrecv";
}

function readRtpMaps(section: MediaDescription, formats: readonly string[]): RtpMap[] {
  const fmtp = new Map(section.fmtp.map(({ payload, config }) => [String(payload), String(config)]));
  const rtp = new Map(section.rtp.map((map) => [String(map.payload), map]));
  const feedback = readFeedback(section);
  const maps: RtpMap[] = [];
  for (const format of new Set(formats)) {
    const map = rtp.get(format);
    const payloadType = Number(format);
    if (map === undefined || !Number.isInteger(payloadType) || payloadType < 0 || payloadType > 127) {
      continue;
    }
    maps.push({
      payloadType,
      name: String(map.codec),
      clockRateHz: Number(map.rate ?? 0),
      channels: section.type === "audio" ? Number(map.encoding ?? 1) : 0,
      fmtp: fmtp.get(format) ?? "",
      feedback: new Set([...(feedback.get("*") ?? []), ...(feedback.get(format) ?? [])]),
    });
  }
  return maps;
}

function readFeedback(section: MediaDescription): Map<string, Set<string>> {
  const byFormat = new Map<string, Set<string>>();
  for (const { payload, type, subtype } of section.rtcpFb ?? []) {
    const value = subtype === undefined ? String(type) : `${type} ${subtype}`;
    const values = byFormat.get(String(payload)) ?? new Set<string>();
    byFormat.set(String(payload), values.add(value.trim().toLowerCase()));
  }
  return byFormat;
}

/** Ids 15 and above 255 are not valid (RFC 8285 §4). */
function readExtensions(section: MediaDescription): Map<number, ParsedExtension> {
  const extensions = new Map<number, ParsedExtension>();
  for (const { value, uri, direction } of section.ext ?? []) {
    const id = Number(value);
    if (!Number.isInteger(id) || id < 1 || id > 255 || id === 15 || extensions.has(id)) continue;
    const sends = direction !== "recvonly" && direction !== "inactive";
    const receives = direction !== "sendonly" && direction !== "inactive";
    extensions.set(id, { uri: String(uri), sends, receives });
  }
  return extensions;
}

function readMsid(section: MediaDescription): ParsedMedia["msid"] {
  const msid = section.msid?.[0];
  if (msid === undefined) return undefined;
  return { streamId: String(msid.id), trackId: String(msid.appdata ?? "") };
}

function readSsrcs(section: MediaDescription): number[] {
  const ssrcs = new Set<number>();
  for (const { id } of section.ssrcs ?? []) {
    if (ssrcs.size < MAX_SSRCS && isSsrc(Number(id))) ssrcs.add(Number(id));
  }
  return [...ssrcs];
}

function readSsrcGroups(section: MediaDescription): { semantics: string; ssrcs: number[] }[] {
  return (section.ssrcGroups ?? []).slice(0, MAX_SSRCS).map(({ semantics, ssrcs }) => ({
    semantics: String(semantics),
    ssrcs: String(ssrcs).split(" ").slice(0, MAX_SSRCS).map(Number).filter(isSsrc),
  }));
}

/** 0 is valid on the wire, but stands for "unknown" everywhere in this code. */
function isSsrc(value: number): boolean {
  return Number.isInteger(value) && value > 0 && value <= 0xffff_ffff;
}

function readRids(section: MediaDescription, index: number): Pick<ParsedMedia, "sendRids" | "sendSimulcast"> {
  const sendRids = [
    ...new Set((section.rids ?? []).filter(({ direction }) => direction === "send").map(({ id }) => String(id))),
  ];
  if (sendRids.some((rid) => !RID.test(rid))) {
    throw new SdpError("SDP_INVALID", `an a=rid of m-line ${index} is not a token of 1 … 16 characters`);
  }
  const known = new Set(sendRids);
  const sendSimulcast = simulcastStreams(section).filter((rid) => known.has(rid));
  return { sendRids, sendSimulcast: [...new Set(sendSimulcast)] };
}

/** RFC 8853 §5.1: streams are joined by ";", alternatives of one by ",", and "~" marks those that start paused. */
function simulcastStreams(section: MediaDescription): string[] {
  const { simulcast } = section;
  if (simulcast === undefined) return [];
  const list = simulcast.dir1 === "send" ? simulcast.list1 : simulcast.dir2 === "send" ? simulcast.list2 : "";
  return String(list ?? "")
    .split(";")
    .map((stream) => (stream.split(",")[0] ?? "").replace(/^~/, ""))
    .filter(Boolean);
}
