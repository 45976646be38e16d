import type { Consumer } from "@cation/engine/consumer";
import type { TransportHandle } from "@cation/engine/ids";
import type { Producer } from "@cation/engine/producer";

/** What happens once on a transport, each. */
export type MediaMilestone =
  | "first rtp received"
  | "first keyframe received"
  | "first rtp sent"
  | "first keyframe sent";

type Listener = (milestone: MediaMilestone) => void;

interface Watch {
  readonly listener: Listener;
  readonly reached: Set<MediaMilestone>;
}

/** Tells those who watch a transport what happens there first. Fed by the engine's events, never by packets. */
export class MediaMilestones {
  readonly #watches = new Map<TransportHandle, Watch>();

  watch(transport: TransportHandle, listener: Listener): void {
    this.#watches.set(transport, { listener, reached: new Set() });
  }

  /** Idempotent. */
  forget(transport: TransportHandle): void {
    this.#watches.delete(transport);
  }

  received({ transport }: Producer, milestone: "first rtp received" | "first keyframe received"): void {
    this.#reach(transport.handle, milestone);
  }

  /** A consumer has a source. Video begins with a keyframe. */
  sourced({ transport, producer }: Consumer): void {
    this.#reach(transport.handle, "first rtp sent");
    if (producer.params.kind === "video") this.#reach(transport.handle, "first keyframe sent");
  }

  #reach(transport: TransportHandle, milestone: MediaMilestone): void {
    const watch = this.#watches.get(transport);
    if (watch === undefined || watch.reached.has(milestone)) return;
    watch.reached.add(milestone);
    watch.listener(milestone);
  }
}
