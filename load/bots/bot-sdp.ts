import type { DtlsFingerprint } from "@cation/webrtc/dtls";
import { parse, write } from "sdp-transform";
import type { MediaDescription, SessionDescription } from "sdp-transform";
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

/** Extension ids of mid and rid (RFC 8843 §15.1, RFC 8852 §3.1) in offers with simulcast. */
export const MID_ID = 4;
export const RID_ID = 10;

/** What a bot sends on one m-line. */
export interface OfferedTrack {
  readonly mid: string;
  readonly kind: "audio" | "video";
  /** Announced where there is no simulcast. */
  readonly ssrc: number;
  /** Restriction ids of simulcast encodings, lowest first (RFC 8851); empty without simulcast. */
  readonly rids: readonly string[];
}

/** A publisher's offer: one m-line a track, Opus or VP8; ssrcs announced, or with simulcast the rids. */
export function writeBotOffer(local: LocalSide, tracks: readonly OfferedTrack[]): string {
  return write({
    ...sessionPart(tracks.map(({ mid }) => mid)),
    media: tracks.map(({ mid, kind, ssrc, rids }) => ({
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
      ...(rids.length > 0 ? simulcastPart(rids) : { ssrcs: [{ id: ssrc, attribute: "cname", value: "bot" }] }),
    })),
  });
}

function simulcastPart(rids: readonly string[]) {
  return {
    ext: [
      { value: MID_ID, uri: "urn:ietf:params:rtp-hdrext:sdes:mid" },
      { value: RID_ID, uri: "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id" },
    ],
    rids: rids.map((id) => ({ id, direction: "send" })),
    simulcast: { dir1: "send", list1: rids.join(";") },
  };
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

/** An offer of the server, read once for all that a bot wants of it. */
export type ServerOffer = SessionDescription;

export function readServerOffer(sdp: string): ServerOffer {
  return parse(sdp);
}

/** Answers a subscriber offer: takes everything that is sent, in the payload types of the offer. */
export function writeBotAnswer(offer: ServerOffer, local: LocalSide): string {
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
export function readRemoteSide(session: ServerOffer): RemoteSide {
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
  /** Codec name in lower case by payload type, RTX included as "rtx". */
  readonly codecs: ReadonlyMap<number, string>;
}

const TRANSPORT_WIDE_NUMBER = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";

/** Extension id of the transport-wide sequence number; 0 where the server offers none. */
export function readTransportWideId(offer: ServerOffer): number {
  for (const { ext } of offer.media) {
    const found = ext?.find(({ uri }) => uri === TRANSPORT_WIDE_NUMBER);
    if (found) return Number(found.value);
  }
  return 0;
}

/** The streams of a subscriber offer. */
export function readOfferedStreams(offer: ServerOffer): OfferedStream[] {
  const streams: OfferedStream[] = [];
  for (const media of offer.media) {
    const ssrc = media.ssrcs?.[0]?.id;
    if (media.direction !== "sendonly" || ssrc === undefined) continue;
    const repair = media.ssrcGroups?.find(({ semantics }) => semantics === "FID");
    const group = repair ? String(repair.ssrcs).split(" ") : [];
    streams.push({
      mid: String(media.mid ?? ""),
      kind: media.type === "audio" ? "audio" : "video",
      ssrc: Number(group[0] ?? ssrc),
      rtxSsrc: Number(group[1] ?? 0),
      codecs: new Map(media.rtp.map(({ payload, codec }) => [Number(payload), String(codec).toLowerCase()])),
    });
  }
  return streams;
}
