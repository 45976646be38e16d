import type { ProducerParams } from "@cation/engine/parameters";
import type { Producer } from "@cation/engine/producer";
import type { Track } from "@cation/proto/state/v1/state";

/** A track as it flows on this node, for passing it on: from a client here, or over a relay. */
export interface TrackFeed {
  readonly roomId: string;
  readonly track: Track;
  readonly params: ProducerParams;
  readonly producer: Producer;
  /** Nodes that it has come through, first the one where it comes in; empty here. */
  readonly viaNodeIds: readonly string[];
}

/** Told where a track comes from, now and whenever that changes; undefined while it comes from nowhere. */
export type FeedListener = (feed: TrackFeed | undefined) => void;
