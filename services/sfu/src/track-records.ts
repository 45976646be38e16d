import type { CodecParameters } from "@cation/engine/codec-parameters";
import { HEADER_EXTENSION_URIS, NO_HEADER_EXTENSIONS } from "@cation/engine/header-extensions";
import type { HeaderExtensionIds, HeaderExtensionName } from "@cation/engine/header-extensions";
import { MediaKind, TrackSource } from "@cation/proto/common/v1/common";
import type { RelayExtension, RelayPayload } from "@cation/proto/relay/v1/relay";
import type { Codec, Track } from "@cation/proto/state/v1/state";

/** The engine's word for what a track carries; undefined for a record that does not say. */
export function kindOf(track: Track): "audio" | "video" | undefined {
  if (track.kind === MediaKind.AUDIO) return "audio";
  return track.kind === MediaKind.VIDEO ? "video" : undefined;
}

/** What a source carries; unspecified for a source that this release does not know. */
export function kindOfSource(source: TrackSource): MediaKind {
  switch (source) {
    case TrackSource.CAMERA:
    case TrackSource.SCREEN:
      return MediaKind.VIDEO;
    case TrackSource.MICROPHONE:
    case TrackSource.SCREEN_AUDIO:
      return MediaKind.AUDIO;
    default:
      return MediaKind.UNSPECIFIED;
  }
}

/** A codec as records and other nodes know it: without what one transport negotiated. */
export function toCodecRecord(codec: CodecParameters): Codec {
  const { mimeType, clockRateHz, channels, fmtp } = codec;
  return { mimeType, clockRateHz, channels, fmtp };
}

/**
 * A codec from a record, with the payload type that it has on a link (0 where it has none). What is lost is asked for again
 * where retransmissions have a payload type.
 */
export function toCodecParameters(codec: Codec, payloadType: number, rtxPayloadType = 0): CodecParameters {
  const { mimeType, clockRateHz, channels, fmtp } = codec;
  const feedback = rtxPayloadType > 0 ? LOSSY_LINK_FEEDBACK : LINK_FEEDBACK;
  return { payloadType, mimeType, clockRateHz, channels, fmtp, rtxPayloadType, feedback };
}

/** A track's codecs as they are on a link: with the payload types that they have, and retransmissions where packets get lost. */
export function toLinkCodecs(codecs: readonly CodecParameters[], lossy: boolean): CodecParameters[] {
  const taken = new Set(codecs.map(({ payloadType }) => payloadType));
  const allocate = (wanted: number): number => {
    let payloadType = wanted;
    if (payloadType === 0 || taken.has(payloadType)) {
      payloadType = MAX_PAYLOAD_TYPE;
      while (taken.has(payloadType)) payloadType -= 1;
    }
    taken.add(payloadType);
    return payloadType;
  };
  return codecs.map((codec) => toCodecParameters(codec, codec.payloadType, lossy ? allocate(codec.rtxPayloadType) : 0));
}

/** Reliable streams: nothing on them is lost, so nothing is asked for again. */
const LINK_FEEDBACK: CodecParameters["feedback"] = {
  nack: false,
  pli: true,
  fir: false,
  remb: false,
  transportCc: false,
};

const LOSSY_LINK_FEEDBACK: CodecParameters["feedback"] = { ...LINK_FEEDBACK, nack: true };

/** Payload types as told to the other end of a link. */
export function toRelayPayloads(codecs: readonly CodecParameters[]): RelayPayload[] {
  return codecs.map((codec) => ({
    payloadType: codec.payloadType,
    rtxPayloadType: codec.rtxPayloadType,
    codec: toCodecRecord(codec),
  }));
}

/** Payload types as the other end of a link told them; what cannot be one is left out. */
export function fromRelayPayloads(payloads: readonly RelayPayload[]): CodecParameters[] {
  const codecs: CodecParameters[] = [];
  for (const { payloadType, rtxPayloadType, codec } of payloads) {
    if (!codec || payloadType > MAX_PAYLOAD_TYPE) continue;
    codecs.push(toCodecParameters(codec, payloadType, rtxPayloadType <= MAX_PAYLOAD_TYPE ? rtxPayloadType : 0));
  }
  return codecs;
}

/** Extension ids as told to the other end of a link. */
export function toRelayExtensions(ids: HeaderExtensionIds): RelayExtension[] {
  const extensions: RelayExtension[] = [];
  for (const [name, uri] of EXTENSIONS) {
    if (ids[name] > 0) extensions.push({ uri, id: ids[name] });
  }
  return extensions;
}

/** Extension ids as the other end of a link told them; URIs that this release does not know are left out. */
export function fromRelayExtensions(extensions: readonly RelayExtension[]): HeaderExtensionIds {
  const ids: Record<HeaderExtensionName, number> = { ...NO_HEADER_EXTENSIONS };
  for (const { uri, id } of extensions) {
    const known = EXTENSIONS.find(([, knownUri]) => knownUri === uri);
    if (known && id > 0 && id <= MAX_EXTENSION_ID) ids[known[0]] = id;
  }
  return ids;
}

const MAX_PAYLOAD_TYPE = 127;
/** RFC 8285 §4.3. */
const MAX_EXTENSION_ID = 255;
const EXTENSIONS = Object.entries(HEADER_EXTENSION_URIS) as [HeaderExtensionName, string][];
