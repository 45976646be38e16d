import type { Consumer } from "@cation/engine/consumer";
import type { LayerDemand } from "@cation/engine/demand/demand-watcher";

/** One track as a link sends it, or its share in what several links send. */
export interface LinkTrack {
  readonly trackId: string;
  /** Forwards the track; undefined while it is awaited. */
  readonly consumer: Consumer | undefined;
  /** Whether one of these streams is this track's. */
  carries(ssrcs: readonly number[]): boolean;
  /** The watchers want these layers at most. */
  setDemand(demand: LayerDemand): void;
  /** RTCP of the watchers on this link, whichever tracks it is about. */
  receive(packets: Uint8Array): void;
  /** Idempotent. */
  close(): void;
}
