import { parse } from "sdp-transform";
import type { MediaDescription, SessionDescription } from "sdp-transform";
import type { DtlsFingerprint } from "../dtls.ts";
import { parseMediaSection } from "./parsed-media.ts";
import type { ParsedMedia } from "./parsed-media.ts";
import { SdpError } from "./sdp-error.ts";

/** DTLS roles as SDP writes them (RFC 8842 §5.1). */
export type DtlsSetup = "actpass" | "active" | "passive";

/** A client's session description with everything checked that its readers rely on. */
export interface ParsedSession {
  readonly iceUfrag: string;
  readonly icePwd: string;
  readonly iceOptions: readonly string[];
  /** All usable ones of the description, at least one. */
  readonly fingerprints: readonly DtlsFingerprint[];
  readonly setup: DtlsSetup;
  /** Mids of the BUNDLE group (RFC 9143); empty without one. */
  readonly bundle: readonly string[];
  readonly extmapAllowMixed: boolean;
  readonly media: readonly ParsedMedia[];
}

/** What is read at most. */
export interface SessionLimits {
  readonly maxBytes: number;
  readonly maxMedia: number;
}

const MAX_FINGERPRINTS = 16;
const ICE_CHARS = /^[A-Za-z0-9+/]+$/;
/** Bytes of a digest by the name SDP gives it (RFC 8122 §5). Weaker ones are not taken. */
const DIGEST_BYTES: ReadonlyMap<string, number> = new Map([
  ["sha-256", 32],
  ["sha-384", 48],
  ["sha-512", 64],
]);

/** Reads a session description from a client. Throws SdpError and nothing else. */
export function parseSession(sdp: string, limits: SessionLimits): ParsedSession {
  const session = parseLines(sdp, limits);
  const media = session.media.map((section, index) => parseMediaSection(section, index));
  checkMids(media);
  const sections: readonly (SessionDescription | MediaDescription)[] = [
    session,
    ...session.media.filter((_, index) => media[index]?.usable),
    ...session.media.filter((_, index) => !media[index]?.usable),
  ];
  return {
    ...readIce(sections),
    fingerprints: readFingerprints(sdp),
    setup: readSetup(sections),
    bundle: readBundle(session, media),
    extmapAllowMixed:
      session.extmapAllowMixed !== undefined || session.media.some((section) => section.extmapAllowMixed !== undefined),
    media,
  };
}

function parseLines(sdp: string, limits: SessionLimits): SessionDescription {
  if (typeof sdp !== "string" || !sdp.startsWith("v=0")) {
    throw new SdpError("SDP_INVALID", "the description does not start with v=0");
  }
  if (Buffer.byteLength(sdp) > limits.maxBytes) {
    throw new SdpError("SDP_TOO_LARGE", `the description is longer than ${limits.maxBytes} bytes`);
  }
  let session: SessionDescription;
  try {
    session = parse(sdp);
  } catch {
    throw new SdpError("SDP_INVALID", "the description cannot be parsed");
  }
  if (session.media.length === 0) throw new SdpError("SDP_INVALID", "there is no m-line");
  if (session.media.length > limits.maxMedia) {
    throw new SdpError("SDP_TOO_LARGE", `there are more than ${limits.maxMedia} m-lines`);
  }
  return session;
}

/** Every m-line needs a mid, but one that is alone, and those that are rejected (RFC 9429 §5.3.1 does not ask for it). */
function checkMids(media: readonly ParsedMedia[]): void {
  const seen = new Set<string>();
  for (const { mid, index, usable } of media) {
    if (mid === "" && (!usable || media.length === 1)) continue;
    if (mid === "") throw new SdpError("SDP_INVALID", `m-line ${index} has no a=mid`);
    if (seen.has(mid)) throw new SdpError("SDP_INVALID", `the a=mid of m-line ${index} is not unique`);
    seen.add(mid);
  }
}

/** The first credentials found; bundled m-lines share them (RFC 8839 §5.4, RFC 9143 §7.1.3). */
function readIce(
  sections: readonly (SessionDescription | MediaDescription)[],
): Pick<ParsedSession, "iceUfrag" | "icePwd" | "iceOptions"> {
  const section = sections.find(({ iceUfrag, icePwd }) => iceUfrag !== undefined && icePwd !== undefined);
  const iceUfrag = String(section?.iceUfrag ?? "");
  const icePwd = String(section?.icePwd ?? "");
  if (!isIceString(iceUfrag, 4) || !isIceString(icePwd, 22)) {
    throw new SdpError("SDP_NO_ICE", "there is no valid pair of a=ice-ufrag and a=ice-pwd");
  }
  const options = sections.find(({ iceOptions }) => iceOptions !== undefined)?.iceOptions;
  return {
    iceUfrag,
    icePwd,
    iceOptions: String(options ?? "")
      .split(" ")
      .filter(Boolean),
  };
}

/** RFC 8839 §5.4. */
function isIceString(text: string, minLength: number): boolean {
  return text.length >= minLength && text.length <= 256 && ICE_CHARS.test(text);
}

/** sdp-transform keeps one a=fingerprint a section; RFC 8122 §5 allows several. */
function readFingerprints(sdp: string): DtlsFingerprint[] {
  const found = new Map<string, DtlsFingerprint>();
  for (const [, name = "", digest = ""] of sdp.matchAll(
    /^a=fingerprint:([A-Za-z0-9-]{1,16}) ([0-9A-Fa-f:]{1,255})\s*$/gm,
  )) {
    const algorithm = name.toLowerCase();
    const value = digest.toUpperCase();
    const bytes = DIGEST_BYTES.get(algorithm);
    if (bytes === undefined || value.length !== bytes * 3 - 1) continue;
    if (!/^[0-9A-F]{2}(:[0-9A-F]{2})*$/.test(value)) continue;
    found.set(`${algorithm} ${value}`, { algorithm, value });
    if (found.size === MAX_FINGERPRINTS) break;
  }
  if (found.size === 0) {
    throw new SdpError("SDP_NO_FINGERPRINT", "there is no a=fingerprint with sha-256, sha-384 or sha-512");
  }
  return [...found.values()];
}

function readSetup(sections: readonly (SessionDescription | MediaDescription)[]): DtlsSetup {
  const setup = String(sections.find((section) => section.setup !== undefined)?.setup ?? "actpass");
  if (setup === "actpass" || setup === "active" || setup === "passive") return setup;
  throw new SdpError("SDP_INVALID", "a=setup is none of actpass, active, passive");
}

function readBundle(session: SessionDescription, media: readonly ParsedMedia[]): string[] {
  const group = session.groups?.find(({ type }) => String(type) === "BUNDLE");
  const mids = String(group?.mids ?? "")
    .split(" ")
    .filter(Boolean);
  const known = new Set(media.map(({ mid }) => mid));
  if (mids.some((mid) => !known.has(mid))) {
    throw new SdpError("SDP_INVALID", "a=group:BUNDLE names a mid that no m-line has");
  }
  return mids;
}
