import type { CodecParameters } from "./codec-parameters.ts";
import type { HeaderExtensionIds } from "./header-extensions.ts";
import type { TrackId, TransportHandle } from "./ids.ts";

/** One RTP stream of a producer: a simulcast encoding, or all there is. */
export interface ProducerEncoding {
  /** RFC 8852 stream id; empty without simulcast by rid. */
  readonly rid: string;
  /** 0 where SDP does not say it: the engine learns it from mid and rid. */
  readonly ssrc: number;
  /** RTX of it; 0 where not known (learnt from the repaired rid) or not negotiated. */
  readonly rtxSsrc: number;
}

/** What the engine must know to take a track in. */
export interface ProducerParams {
  readonly trackId: TrackId;
  readonly kind: "audio" | "video";
  /** "relay": comes from another node, whose RTP is not rewritten and whose SR mapping is the publisher's. */
  readonly origin: "local" | "relay";
  readonly transport: TransportHandle;
  /** Of the m-line; empty for a relay. */
  readonly mid: string;
  readonly codecs: readonly CodecParameters[];
  readonly extensions: HeaderExtensionIds;
  /** Lowest quality first. */
  readonly encodings: readonly ProducerEncoding[];
}

/** What the engine must know to send a track out. */
export interface ConsumerParams {
  readonly transport: TransportHandle;
  /** Codecs of the receiver, in its own payload types. Packets of a codec that is not among them are dropped. */
  readonly codecs: readonly CodecParameters[];
  readonly extensions: HeaderExtensionIds;
  readonly mid: string;
  /**
   * "single": one continuous stream, rewritten, one encoding at a time (a client).
   * "all": every demanded encoding as it is, each with an ssrc of its own (a relay).
   */
  readonly mode: "single" | "all";
  /** Mode single: one entry. Mode all: one for each encoding of the producer, in its order. */
  readonly streams: readonly { readonly ssrc: number; readonly rtxSsrc: number }[];
}
