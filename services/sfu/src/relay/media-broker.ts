import type { Subscription } from "@cation/cluster/events/event-bus";

/** A broker that carries media: one publication, any number of receivers. At most once, in order. */
export interface MediaBroker {
  /** Whether messages pass now. */
  readonly connected: boolean;
  /** False: it was dropped, since what was published before still waits, or the broker is away. The payload is copied. */
  publish(subject: string, payload: Uint8Array): boolean;
  subscribe(subject: string, handler: (payload: Uint8Array) => void): Subscription;
  /** Called when messages no longer pass. */
  onLost(handler: () => void): Subscription;
  /** Idempotent. */
  close(): Promise<void>;
}
