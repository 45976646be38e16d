import type { CodecParameters } from "@cation/engine/codec-parameters";
import { NO_HEADER_EXTENSIONS } from "@cation/engine/header-extensions";
import type { HeaderExtensionIds, HeaderExtensionName } from "@cation/engine/header-extensions";
import type { Random } from "@cation/engine/random";
import { write } from "sdp-transform";
import type { MediaDescription } from "sdp-transform";
import type { DtlsFingerprint } from "../dtls.ts";
import { SUBSCRIBER_CAPABILITIES } from "../router-capabilities.ts";
import type { MediaKind, RouterCapabilities } from "../router-capabilities.ts";
import { matchAnsweredCodecs, matchExtensions } from "./codec-matching.ts";
import type { LocalDescription } from "./local-description.ts";
import type { ParsedMedia } from "./parsed-media.ts";
import { parseSession } from "./parsed-session.ts";
import { PayloadTypes } from "./payload-types.ts";
import { SdpError } from "./sdp-error.ts";
import { codecLines, extensionLines, sessionLines, transportLines } from "./sdp-lines.ts";

/** A track to send on a subscriber connection. */
export interface SubscribedTrack {
  readonly trackId: string;
  readonly participantId: string;
  readonly kind: MediaKind;
  /** What the track is sent in, most wanted first; payload types are the publisher's and not used here. */
  readonly codecs: readonly CodecParameters[];
}

/** Where a track was put. */
export interface SubscribedMedia {
  readonly mid: string;
  readonly ssrc: number;
  /** 0 for audio. */
  readonly rtxSsrc: number;
}

/** What the client agreed to on one m-line. */
export interface NegotiatedMedia {
  readonly mid: string;
  /** As in the offer that was answered; `undefined` where the m-line carried nothing. */
  readonly trackId: string | undefined;
  /** False: nothing may be sent on it (rejected, or answered without receiving). */
  readonly accepted: boolean;
  /** In the payload types to send with; empty unless accepted. */
  readonly codecs: readonly CodecParameters[];
  readonly extensions: HeaderExtensionIds;
}

/** An answer to a subscriber offer. */
export interface SubscriberAnswer {
  readonly iceUfrag: string;
  readonly icePwd: string;
  readonly fingerprints: readonly DtlsFingerprint[];
  /** By mid, one for each m-line of the offer. */
  readonly media: ReadonlyMap<string, NegotiatedMedia>;
}

/** Longest answer that is read. It has all codecs of the client for each m-line, so it is longer than the offer. */
export const MAX_ANSWER_BYTES = 1024 * 1024;
/** M-lines of one connection. */
export const MAX_SUBSCRIBER_MEDIA = 512;

/** Extension ids, the same on every m-line (RFC 9143 §9.2), all in the one-byte range. */
const EXTENSION_IDS: HeaderExtensionIds = {
  ...NO_HEADER_EXTENSIONS,
  audioLevel: 1,
  absSendTime: 2,
  transportCc: 3,
  mid: 4,
  absCaptureTime: 5,
  playoutDelay: 6,
  videoOrientation: 7,
  dependencyDescriptor: 8,
};

/** An m-line. It stays in the description for good (RFC 3264 §8); when its track is gone another may take its place. */
interface MediaLine {
  mid: string;
  readonly kind: MediaKind;
  track: SubscribedTrack | undefined;
  codecs: readonly CodecParameters[];
  ssrc: number;
  rtxSsrc: number;
  /**
   * "fresh": never offered with a track; "live": offered with one; "idle": the client agreed that it carries none;
   * "stopped": the client rejected it with port 0. Only fresh and idle lines take another track, so that the client
   * sees the direction change.
   */
  state: "fresh" | "live" | "idle" | "stopped";
}

/**
 * The m-lines of a connection on which this server offers and sends: one for each track, unified plan, payload types
 * and extension ids stable for its life. Offers are complete, so changes that come while one is outstanding just show
 * up in the next.
 */
export class SubscriberDescription {
  readonly #random: Random;
  readonly #capabilities: RouterCapabilities;
  readonly #lines: MediaLine[] = [];
  readonly #lineByMid = new Map<string, MediaLine>();
  readonly #payloadTypes = new PayloadTypes();
  readonly #ssrcs = new Set<number>();
  #nextMid = 0;
  /** As of the last written offer, in its order. */
  #offered: readonly Readonly<MediaLine>[] = [];

  constructor(random: Random, capabilities: RouterCapabilities = SUBSCRIBER_CAPABILITIES) {
    this.#random = random;
    this.#capabilities = capabilities;
  }

  /** Puts a track on an m-line for the next offer. `undefined` when the connection is full. */
  addTrack(track: SubscribedTrack): SubscribedMedia | undefined {
    const codecs = this.#offeredCodecs(track);
    if (codecs.length === 0) return undefined;
    const line = this.#freeLine(track.kind);
    if (line === undefined) return undefined;
    this.#releaseSsrcs(line);
    line.track = track;
    line.codecs = codecs;
    line.ssrc = this.#allocateSsrc();
    line.rtxSsrc = track.kind === "video" ? this.#allocateSsrc() : 0;
    return { mid: line.mid, ssrc: line.ssrc, rtxSsrc: line.rtxSsrc };
  }

  /** Takes the track off its m-line: inactive from the next offer on, and free once the client has answered that. */
  removeTrack(mid: string): void {
    const line = this.#lineByMid.get(mid);
    if (line !== undefined) line.track = undefined;
  }

  /** Whether there is an m-line yet: a description without any cannot be offered. */
  get isEmpty(): boolean {
    return this.#lines.length === 0;
  }

  /** The whole offer (RFC 9429 §5.2): ICE-lite, actpass, sendonly or inactive m-lines. */
  writeOffer(local: LocalDescription): string {
    for (const line of this.#lines) {
      if (line.track !== undefined && !isStopped(line)) line.state = "live";
    }
    this.#offered = this.#lines.map((line) => ({ ...line }));
    const bundled = this.#offered.filter((line) => !isStopped(line));
    return write({
      ...sessionLines(
        local,
        bundled.map(({ mid }) => mid),
      ),
      media: this.#offered.map((line) =>
        isStopped(line) ? stoppedSection(line) : this.#section(line, local, line === bundled[0]),
      ),
    });
  }

  /** Reads the answer to the last written offer. Throws SdpError, and then nothing has changed. */
  applyAnswer(sdp: string): SubscriberAnswer {
    const session = parseSession(sdp, {
      maxBytes: MAX_ANSWER_BYTES,
      maxMedia: MAX_SUBSCRIBER_MEDIA,
    });
    if (session.setup !== "active") {
      throw new SdpError("SDP_UNSUPPORTED", "a=setup must be active: the client opens the DTLS connection");
    }
    this.#checkLines(session.media);
    const media = new Map<string, NegotiatedMedia>();
    for (const [index, offered] of this.#offered.entries()) {
      const answered = session.media[index];
      if (answered === undefined) continue;
      media.set(offered.mid, this.#negotiate(offered, answered));
      this.#settle(offered, answered);
    }
    const { iceUfrag, icePwd, fingerprints } = session;
    return { iceUfrag, icePwd, fingerprints, media };
  }

  #offeredCodecs(track: SubscribedTrack): CodecParameters[] {
    const codecs: CodecParameters[] = [];
    for (const trackCodec of track.codecs) {
      const codec = this.#withOwnTypesInside(trackCodec, track);
      if (codec === undefined) continue;
      const numbers = this.#payloadTypes.allocate(codec);
      if (numbers === undefined || codecs.some((c) => c.payloadType === numbers.payloadType)) continue;
      codecs.push({ ...codec, ...numbers, feedback: this.#capabilities.feedback[track.kind] });
    }
    return codecs;
  }

  /** RED names payload types in its fmtp (RFC 2198 §5): this connection's. `undefined` where it has nothing to wrap. */
  #withOwnTypesInside(codec: CodecParameters, track: SubscribedTrack): CodecParameters | undefined {
    if (codec.mimeType.toLowerCase() !== "audio/red") return codec;
    const inner = track.codecs.find(({ mimeType }) => mimeType.toLowerCase() === "audio/opus");
    const numbers = inner === undefined ? undefined : this.#payloadTypes.allocate(inner);
    return numbers === undefined ? undefined : { ...codec, fmtp: `${numbers.payloadType}/${numbers.payloadType}` };
  }

  /** An m-line that carries nothing and whose idleness was agreed, else a new one. */
  #freeLine(kind: MediaKind): MediaLine | undefined {
    const idle = this.#lines.find(
      ({ track, kind: lineKind, state }) =>
        track === undefined && lineKind === kind && (state === "idle" || state === "fresh"),
    );
    if (idle !== undefined) return idle;
    const stopped = this.#lines.findIndex((line) => line.track === undefined && line.state === "stopped");
    if (stopped < 0 && this.#lines.length >= MAX_SUBSCRIBER_MEDIA) return undefined;
    return this.#newLine(kind, stopped < 0 ? this.#lines.length : stopped);
  }

  /** A stopped m-line is recycled with a new mid (RFC 9429 §5.2.2). */
  #newLine(kind: MediaKind, index: number): MediaLine {
    const old = this.#lines[index];
    if (old !== undefined) this.#lineByMid.delete(old.mid);
    if (old !== undefined) this.#releaseSsrcs(old);
    const line: MediaLine = {
      mid: String(this.#nextMid++),
      kind,
      track: undefined,
      codecs: [],
      ssrc: 0,
      rtxSsrc: 0,
      state: "fresh",
    };
    this.#lines[index] = line;
    this.#lineByMid.set(line.mid, line);
    return line;
  }

  #section(line: Readonly<MediaLine>, local: LocalDescription, first: boolean): MediaDescription {
    return {
      type: line.kind,
      port: 9,
      protocol: "UDP/TLS/RTP/SAVPF",
      ...codecLines(line.codecs),
      ...transportLines(local, "actpass", first),
      mid: line.mid,
      ext: extensionLines(this.#extensionIds(line.kind)),
      rtcpRsize: "rtcp-rsize",
      direction: line.track === undefined ? "inactive" : "sendonly",
      ...(line.track === undefined ? {} : sourceLines(line, line.track)),
    };
  }

  #extensionIds(kind: MediaKind): HeaderExtensionIds {
    const ids: Record<HeaderExtensionName, number> = { ...NO_HEADER_EXTENSIONS };
    for (const name of this.#capabilities.extensions[kind]) ids[name] = EXTENSION_IDS[name];
    return ids;
  }

  #checkLines(media: readonly ParsedMedia[]): void {
    const same =
      media.length === this.#offered.length &&
      media.every(({ mid, kind, usable }, index) => {
        const offered = this.#offered[index];
        // A rejected m-line may come without its mid (RFC 9143 §7.3.2 does not ask for it).
        return kind === offered?.kind && (mid === offered.mid || (!usable && mid === ""));
      });
    if (!same) {
      throw new SdpError("SDP_ANSWER_MISMATCH", "the m-lines of the answer are not those of the offer");
    }
  }

  #negotiate(offered: Readonly<MediaLine>, answered: ParsedMedia): NegotiatedMedia {
    const receives = answered.direction === "recvonly" || answered.direction === "sendrecv";
    const codecs = matchAnsweredCodecs(answered, offered.codecs);
    const accepted = offered.track !== undefined && answered.usable && receives && codecs.length > 0;
    return {
      mid: offered.mid,
      trackId: offered.track?.trackId,
      accepted,
      codecs: accepted ? codecs : [],
      extensions: accepted
        ? matchExtensions(answered, this.#capabilities, { client: "receives", allowTwoByte: false })
        : NO_HEADER_EXTENSIONS,
    };
  }

  #settle(offered: Readonly<MediaLine>, answered: ParsedMedia): void {
    const line = this.#lineByMid.get(offered.mid);
    if (line === undefined) return;
    if (!answered.usable) line.state = "stopped";
    else if (offered.track === undefined) line.state = "idle";
  }

  #allocateSsrc(): number {
    for (;;) {
      const ssrc = this.#random.nextUint32();
      if (ssrc === 0 || this.#ssrcs.has(ssrc)) continue;
      this.#ssrcs.add(ssrc);
      return ssrc;
    }
  }

  #releaseSsrcs(line: MediaLine): void {
    this.#ssrcs.delete(line.ssrc);
    this.#ssrcs.delete(line.rtxSsrc);
  }
}

function isStopped(line: Readonly<MediaLine>): boolean {
  return line.state === "stopped";
}

function stoppedSection(line: Readonly<MediaLine>): MediaDescription {
  return {
    type: line.kind,
    port: 0,
    protocol: "UDP/TLS/RTP/SAVPF",
    payloads: String(line.codecs[0]?.payloadType ?? 0),
    connection: { version: 4, ip: "0.0.0.0" },
    rtp: [],
    fmtp: [],
    mid: line.mid,
    direction: "inactive",
  };
}

/**
 * msid (RFC 8830) and the ssrcs (RFC 5576), for clients that do not go by mid alone. One cname a participant: its audio
 * and video are played in step.
 */
function sourceLines(line: Readonly<MediaLine>, track: SubscribedTrack): Partial<MediaDescription> {
  const cname = toToken(track.participantId);
  const ssrcs = line.rtxSsrc === 0 ? [line.ssrc] : [line.ssrc, line.rtxSsrc];
  return {
    msid: [{ id: cname, appdata: toToken(track.trackId) }],
    ssrcs: ssrcs.map((id) => ({ id, attribute: "cname", value: cname })),
    ...(ssrcs.length > 1 ? { ssrcGroups: [{ semantics: "FID", ssrcs: ssrcs.join(" ") }] } : {}),
  };
}

/** An id as an msid identifier: 1 … 64 characters of a token (RFC 8830 §2). Our own ids are that already. */
function toToken(id: string): string {
  return id.replaceAll(/[^\w.+-]/g, "_").slice(0, 64) || "_";
}
