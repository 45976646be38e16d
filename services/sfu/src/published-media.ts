import { NO_HEADER_EXTENSIONS } from "@cation/engine/header-extensions";
import type { HeaderExtensionIds, HeaderExtensionName } from "@cation/engine/header-extensions";
import type { TrackId, TransportHandle } from "@cation/engine/ids";
import type { ProducerEncoding, ProducerParams } from "@cation/engine/parameters";
import type { PublishedTrack } from "@cation/proto/client/v1/client";
import { MediaKind, TrackSource } from "@cation/proto/common/v1/common";
import type { Grants } from "@cation/proto/common/v1/common";
import type { Encoding, Participant, Track } from "@cation/proto/state/v1/state";
import { CodedError } from "@cation/service-kit/coded-error";
import type { OfferedMedia, PublisherOffer } from "@cation/webrtc/sdp/publisher-offer";
import { kindOfSource, toCodecRecord } from "./track-records.ts";

const MAX_NAME_BYTES = 128;

/** An m-line that a client sends on, with what it says is behind it. */
export interface SentMedia {
  readonly media: OfferedMedia;
  readonly description: PublishedTrack;
}

/**
 * The m-lines of an offer that are sent, by mid. Throws MESSAGE_MALFORMED where one is not described or described wrongly,
 * PERMISSION_DENIED where the grants do not cover it.
 */
export function readSentMedia(
  offer: PublisherOffer,
  descriptions: readonly PublishedTrack[],
  grants: Grants | undefined,
): Map<string, SentMedia> {
  const sent = new Map<string, SentMedia>();
  for (const media of offer.media) {
    const sends = media.direction === "sendonly" || media.direction === "sendrecv";
    if (!media.accepted || !sends) continue;
    const description = descriptions.find(({ mid }) => mid === media.mid);
    if (!description)
      throw new CodedError("MESSAGE_MALFORMED", `Nothing describes what is sent on m-line "${media.mid}".`);
    checkDescription(media, description, grants);
    sent.set(media.mid, { media, description });
  }
  return sent;
}

function checkDescription(media: OfferedMedia, description: PublishedTrack, grants: Grants | undefined): void {
  const { source, name, mid } = description;
  const kind = media.kind === "audio" ? MediaKind.AUDIO : MediaKind.VIDEO;
  if (kindOfSource(source) !== kind) {
    throw new CodedError("MESSAGE_MALFORMED", `The source of m-line "${mid}" does not fit its ${media.kind}.`);
  }
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) {
    throw new CodedError("MESSAGE_MALFORMED", `The name of m-line "${mid}" is longer than ${MAX_NAME_BYTES} bytes.`);
  }
  if (grants?.publish.includes(source) !== true) {
    throw new CodedError("PERMISSION_DENIED", `The token does not grant publishing of ${nameOfSource(source)}.`);
  }
}

function nameOfSource(source: TrackSource): string {
  const found = Object.entries(TrackSource).find(([, value]) => value === source);
  return found?.[0].toLowerCase() ?? "this source";
}

/** Encodings lowest first: in the order in which the client describes them, where it does; else as in its SDP. */
function orderEncodings(media: OfferedMedia, described: readonly Encoding[]): ProducerEncoding[] {
  const rank = (rid: string): number => {
    const index = described.findIndex((encoding) => encoding.rid === rid);
    return index < 0 ? described.length : index;
  };
  return [...media.encodings].sort((a, b) => rank(a.rid) - rank(b.rid));
}

/** What the engine must know to take the m-line in. */
export function toProducerParams(sent: SentMedia, trackId: string, transport: TransportHandle): ProducerParams {
  const { media, description } = sent;
  return {
    trackId: trackId as TrackId,
    kind: media.kind === "audio" ? "audio" : "video",
    origin: "local",
    transport,
    mid: media.mid,
    codecs: media.codecs,
    extensions: media.extensions,
    encodings: orderEncodings(media, description.encodings),
  };
}

/** The record of a new track. */
export function toTrackRecord(sent: SentMedia, params: ProducerParams, owner: Participant, nodeId: string): Track {
  const { description } = sent;
  return {
    trackId: params.trackId,
    participantId: owner.participantId,
    nodeId,
    kind: params.kind === "audio" ? MediaKind.AUDIO : MediaKind.VIDEO,
    source: description.source,
    name: description.name,
    muted: description.muted,
    codecs: params.codecs.map(toCodecRecord),
    encodings: params.encodings.map(({ rid }, index) => describeEncoding(rid, index, description.encodings)),
  };
}

function describeEncoding(rid: string, index: number, described: readonly Encoding[]): Encoding {
  const found = described.find((encoding) => encoding.rid === rid) ?? (rid === "" ? described[index] : undefined);
  return {
    rid,
    width: found?.width ?? 0,
    height: found?.height ?? 0,
    maxBitrateBps: found?.maxBitrateBps ?? 0,
    spatialLayers: found?.spatialLayers ?? 0,
    temporalLayers: found?.temporalLayers ?? 0,
  };
}

/** What a new offer does to an m-line that is published. */
export type MediaChange =
  /** Offers repeat most of the one before. */
  | "none"
  /** Other ssrcs: the track goes on. */
  | "streams"
  /** Other codecs, encodings or source: another track. */
  | "track";

/** Compares an m-line as it is published with what a new offer says of it. */
export function compareMedia(before: ProducerParams, after: ProducerParams): MediaChange {
  const ofTrack = ({ kind, codecs, extensions, encodings }: ProducerParams): string =>
    JSON.stringify([kind, codecs, extensions, encodings.map(({ rid }) => rid)]);
  if (ofTrack(before) !== ofTrack(after)) return "track";
  return JSON.stringify(before.encodings) === JSON.stringify(after.encodings) ? "none" : "streams";
}

/** Ids of all m-lines together; in a bundle an id means the same on each (RFC 9143 §9.2). */
export function mergeExtensions(offer: PublisherOffer): HeaderExtensionIds {
  const merged: Record<HeaderExtensionName, number> = { ...NO_HEADER_EXTENSIONS };
  for (const { extensions } of offer.media) {
    for (const name of Object.keys(merged) as HeaderExtensionName[]) merged[name] ||= extensions[name];
  }
  return merged;
}
