import { RelayHub } from "./relay-hub.ts";
import type { RelayHubOptions } from "./relay-hub.ts";

/** A share in a room's hub. */
export interface HubLease {
  readonly hub: RelayHub;
  /** The hub closes with its last share. Idempotent. */
  release(): void;
}

/** The hubs of a worker, by room: shared by the room's viewers here and by the nodes that this one feeds. */
export class RelayHubs {
  readonly #options: Omit<RelayHubOptions, "roomId">;
  readonly #hubs = new Map<string, { readonly hub: RelayHub; shares: number }>();

  constructor(options: Omit<RelayHubOptions, "roomId">) {
    this.#options = options;
  }

  /** Open hubs. */
  *values(): Iterable<RelayHub> {
    for (const { hub } of this.#hubs.values()) yield hub;
  }

  acquire(roomId: string): HubLease {
    let entry = this.#hubs.get(roomId);
    if (!entry) this.#hubs.set(roomId, (entry = { hub: new RelayHub({ ...this.#options, roomId }), shares: 0 }));
    const held = entry;
    held.shares += 1;
    let released = false;
    return {
      hub: held.hub,
      release: () => {
        if (released) return;
        released = true;
        held.shares -= 1;
        if (held.shares > 0) return;
        if (this.#hubs.get(roomId) === held) this.#hubs.delete(roomId);
        held.hub.close();
      },
    };
  }
}
