import type { DtlsFingerprint } from "../dtls.ts";
import { parseMediaSection } from "./parsed-media.ts";
import type { ParsedMedia } from "./parsed-media.ts";
import { SdpError } from "./sdp-error.ts";
import { splitSdp, valueOf, valuesOf, wordsOf } from "./sdp-sections.ts";
import type { SdpSection, SdpSections } from "./sdp-sections.ts";

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
  const { session, media: written } = readSections(sdp, limits);
  const media = written.map((section, index) => parseMediaSection(section, index));
  checkMids(media);
  const usable = written.filter((_, index) => media[index].usable);
  const rejected = written.filter((_, index) => !media[index].usable);
  const sections = [session, ...usable, ...rejected];
  return {
    ...readIce(sections),
    fingerprints: readFingerprints(sections),
    setup: readSetup(sections),
    bundle: readBundle(session, media),
    extmapAllowMixed: sections.some(({ attributes }) => attributes.has("extmap-allow-mixed")),
    media,
  };
}

function readSections(sdp: string, limits: SessionLimits): SdpSections {
  if (typeof sdp !== "string" || !sdp.startsWith("v=0")) {
    throw new SdpError("SDP_INVALID", "the description does not start with v=0");
  }
  if (Buffer.byteLength(sdp) > limits.maxBytes) {
    throw new SdpError("SDP_TOO_LARGE", `the description is longer than ${limits.maxBytes} bytes`);
  }
  const sections = splitSdp(sdp);
  if (sections.media.length === 0) throw new SdpError("SDP_INVALID", "there is no m-line");
  if (sections.media.length > limits.maxMedia) {
    throw new SdpError("SDP_TOO_LARGE", `there are more than ${limits.maxMedia} m-lines`);
  }
  return sections;
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
function readIce(sections: readonly SdpSection[]): Pick<ParsedSession, "iceUfrag" | "icePwd" | "iceOptions"> {
  const section = sections.find(({ attributes }) => attributes.has("ice-ufrag") && attributes.has("ice-pwd"));
  const iceUfrag = section === undefined ? "" : (valueOf(section, "ice-ufrag") ?? "");
  const icePwd = section === undefined ? "" : (valueOf(section, "ice-pwd") ?? "");
  if (!isIceString(iceUfrag, 4) || !isIceString(icePwd, 22)) {
    throw new SdpError("SDP_NO_ICE", "there is no valid pair of a=ice-ufrag and a=ice-pwd");
  }
  return { iceUfrag, icePwd, iceOptions: wordsOf(firstValue(sections, "ice-options") ?? "") };
}

/** RFC 8839 §5.4. */
function isIceString(text: string, minLength: number): boolean {
  return text.length >= minLength && text.length <= 256 && ICE_CHARS.test(text);
}

/** RFC 8122 §5 allows several. */
function readFingerprints(sections: readonly SdpSection[]): DtlsFingerprint[] {
  const found = new Map<string, DtlsFingerprint>();
  for (const section of sections) {
    for (const line of valuesOf(section, "fingerprint")) {
      const fingerprint = readFingerprint(line);
      if (fingerprint !== undefined && found.size < MAX_FINGERPRINTS) {
        found.set(`${fingerprint.algorithm} ${fingerprint.value}`, fingerprint);
      }
    }
  }
  if (found.size === 0) {
    throw new SdpError("SDP_NO_FINGERPRINT", "there is no a=fingerprint with sha-256, sha-384 or sha-512");
  }
  return [...found.values()];
}

function readFingerprint(line: string): DtlsFingerprint | undefined {
  const [name = "", digest = ""] = wordsOf(line);
  const algorithm = name.toLowerCase();
  const bytes = DIGEST_BYTES.get(algorithm);
  if (bytes === undefined || digest.length !== bytes * 3 - 1) return undefined;
  const value = digest.toUpperCase();
  return /^[0-9A-F]{2}(:[0-9A-F]{2})*$/.test(value) ? { algorithm, value } : undefined;
}

function readSetup(sections: readonly SdpSection[]): DtlsSetup {
  const setup = firstValue(sections, "setup") ?? "actpass";
  if (setup === "actpass" || setup === "active" || setup === "passive") return setup;
  throw new SdpError("SDP_INVALID", "a=setup is none of actpass, active, passive");
}

function readBundle(session: SdpSection, media: readonly ParsedMedia[]): string[] {
  const group = valuesOf(session, "group")
    .map(wordsOf)
    .find(([semantics]) => semantics === "BUNDLE");
  const mids = group?.slice(1) ?? [];
  const known = new Set(media.map(({ mid }) => mid));
  if (mids.some((mid) => !known.has(mid))) {
    throw new SdpError("SDP_INVALID", "a=group:BUNDLE names a mid that no m-line has");
  }
  return mids;
}

function firstValue(sections: readonly SdpSection[], name: string): string | undefined {
  const section = sections.find(({ attributes }) => attributes.has(name));
  return section === undefined ? undefined : valueOf(section, name);
}
