import type { DtlsFingerprint } from "@cation/webrtc/dtls";
import { parse, write } from "sdp-transform";
import type { MediaDescription } from "sdp-transform";
import type { IceCredentials } from "./ice-agent.ts";

/** The server's side of a connection, as its SDP gives it. */
export interface RemoteSide {
  readonly credentials: IceCredentials;
  readonly fingerprint: DtlsFingerprint;
  readonly address: { readonly host: string; readonly port: number };
}

/** The bot's side. */
export interface LocalSide {
  readonly credentials: IceCredentials;
  readonly fingerprint: DtlsFingerprint;
}

export const OPUS_PAYLOAD_TYPE = 111;
export const VP8_PAYLOAD_TYPE = 96;
/** Extension id of the audio level (RFC 6464) in offers of bots. */
export const AUDIO_LEVEL_ID = 1;

/** What a bot sends on one m-line. */
export interface OfferedTrack {
  readonly mid: string;
  readonly kind: "audio" | "video";
  readonly ssrc: number;
}

/** A publisher's offer: one m-line a track, Opus or VP8, ssrcs announced. */
export function writeBotOffer(local: LocalSide, tracks: readonly OfferedTrack[]): string {
  return write({
    ...sessionPart(tracks.map(({ mid }) => mid)),
    media: tracks.map(({ mid, kind, ssrc }) => ({
      type: kind,
      port: 9,
      protocol: "UDP/TLS/RTP/SAVPF",
      connection: { version: 4, ip: "0.0.0.0" },
      ...securityPart(local, "actpass"),
      mid,
      direction: "sendonly",
      rtcpMux: "rtcp-mux",
      rtcpRsize: "rtcp-rsize",
      ...(kind === "audio" ? AUDIO_PART : VIDEO_PART),
      ssrcs: [{ id: ssrc, attribute: "cname", value: "bot" }],
    })),
  });
}

const AUDIO_PART = {
  payloads: String(OPUS_PAYLOAD_TYPE),
  rtp: [{ payload: OPUS_PAYLOAD_TYPE, codec: "opus", rate: 48_000, encoding: 2 }],
  fmtp: [{ payload: OPUS_PAYLOAD_TYPE, config: "minptime=10;useinbandfec=1" }],
  ext: [{ value: AUDIO_LEVEL_ID, uri: "urn:ietf:params:rtp-hdrext:ssrc-audio-level" }],
};

const VIDEO_PART = {
  payloads: String(VP8_PAYLOAD_TYPE),
  rtp: [{ payload: VP8_PAYLOAD_TYPE, codec: "VP8", rate: 90_000 }],
  fmtp: [],
  rtcpFb: [
    { payload: VP8_PAYLOAD_TYPE, type: "nack" },
    { payload: VP8_PAYLOAD_TYPE, type: "nack", subtype: "pli" },
  ],
};

/** Answers a subscriber offer: takes everything that is sent, in the payload types of the offer. */
export function writeBotAnswer(offerSdp: string, local: LocalSide): string {
  const offer = parse(offerSdp);
  const accepted = offer.media.filter((media) => media.port !== 0);
  return write({
    ...sessionPart(accepted.map((media) => String(media.mid ?? ""))),
    media: offer.media.map((media) => answerMedia(media, local)),
  });
}

function answerMedia(media: MediaDescription, local: LocalSide): MediaDescription {
  const { candidates: _c, ssrcs: _s, ssrcGroups: _g, msid: _m, endOfCandidates: _e, ...kept } = media;
  return {
    ...kept,
    ...securityPart(local, "active"),
    direction: media.direction === "sendonly" ? "recvonly" : "inactive",
  } as MediaDescription;
}

function sessionPart(mids: readonly string[]) {
  return {
    version: 0,
    origin: { username: "-", sessionId: "1", sessionVersion: 1, netType: "IN", ipVer: 4, address: "127.0.0.1" },
    name: "-",
    timing: { start: 0, stop: 0 },
    groups: [{ type: "BUNDLE", mids: mids.join(" ") }],
  };
}

function securityPart({ credentials, fingerprint }: LocalSide, setup: string) {
  return {
    iceUfrag: credentials.ufrag,
    icePwd: credentials.pwd,
    fingerprint: { type: fingerprint.algorithm, hash: fingerprint.value },
    setup,
  };
}

/** Where and how to reach the server. Throws where its SDP does not say: that is a defect of the server. */
export function readRemoteSide(sdp: string): RemoteSide {
  const session = parse(sdp);
  const media = session.media.find((one) => one.port !== 0);
  const ufrag = media?.iceUfrag ?? session.iceUfrag;
  const pwd = media?.icePwd ?? session.icePwd;
  const fingerprint = media?.fingerprint ?? session.fingerprint;
  const candidates = session.media.flatMap((one) => one.candidates ?? []);
  const candidate = candidates.find((one) => one.transport.toLowerCase() === "udp");
  if (ufrag === undefined || pwd === undefined || !fingerprint || !candidate) {
    throw new Error("the server's SDP has no ICE credentials, fingerprint or UDP candidate");
  }
  return {
    credentials: { ufrag: String(ufrag), pwd: String(pwd) },
    fingerprint: { algorithm: String(fingerprint.type), value: String(fingerprint.hash) },
    address: { host: candidate.ip, port: candidate.port },
  };
}

/** A stream that the server announces. */
export interface OfferedStream {
  readonly mid: string;
  readonly kind: "audio" | "video";
  readonly ssrc: number;
  /** 0 without RTX. */
  readonly rtxSsrc: number;
  /** Codec name by payload type, RTX included as "rtx". */
  readonly codecs: ReadonlyMap<number, string>;
}

/** The streams of a subscriber offer. */
export function readOfferedStreams(sdp: string): OfferedStream[] {
  const streams: OfferedStream[] = [];
  for (const media of parse(sdp).media) {
    const ssrc = media.ssrcs?.[0]?.id;
    if (media.direction !== "sendonly" || ssrc === undefined) continue;
    const repair = media.ssrcGroups?.find(({ semantics }) => semantics === "FID");
    const group = repair ? String(repair.ssrcs).split(" ") : [];
    streams.push({
      mid: String(media.mid ?? ""),
      kind: media.type === "audio" ? "audio" : "video",
      ssrc: Number(group[0] ?? ssrc),
      rtxSsrc: Number(group[1] ?? 0),
      codecs: new Map(media.rtp.map(({ payload, codec }) => [Number(payload), String(codec)])),
    });
  }
  return streams;
}
