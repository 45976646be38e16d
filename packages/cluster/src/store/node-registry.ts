import type { Node } from "@cation/proto/state/v1/state";

/**
 * Nodes of the cluster and their leases. A node whose lease ran out stays on record until it is removed, so that whoever
 * cleans up after it knows what it held. Time is the store's own, since the clocks of islb processes differ.
 *
 * Every method rejects with STORE_UNAVAILABLE when the store cannot be reached.
 */
export interface NodeRegistry {
  /**
   * Takes a node's report and renews its lease. Returns the rooms that it is remembered to be in and does not name any
   * more.
   */
  report(node: Node, roomIds: readonly string[], leaseMs: number): Promise<string[]>;
  /** Every node on record, also those whose lease ran out, ordered by id. */
  list(): Promise<NodeRecord[]>;
  /** Notes that a participant was placed on a node, which its load does not show for a while, and that it is in the room. */
  reserve(nodeId: string, roomId: string, ttlMs: number): Promise<void>;
  /**
   * Puts a node on record that others told of, without a lease, and notes that it is in the room: should it never report
   * again, somebody cleans up after it. A record that is there stays.
   */
  adopt(node: Node, roomId: string): Promise<void>;
  /** Rooms that a node is remembered to be in. May name rooms that it left. */
  rooms(nodeId: string): Promise<string[]>;
  /** Forgets rooms of a node, but not those that it was placed in or reported less than `olderThanMs` ago. */
  forgetRooms(nodeId: string, roomIds: readonly string[], olderThanMs: number): Promise<void>;
  /** Takes a node's lease away now, and keeps its record. */
  endLease(nodeId: string): Promise<void>;
  /** Forgets a node whose lease ran out; false (and nothing happens) when it has one. */
  removeExpired(nodeId: string): Promise<boolean>;
  /** Idempotent. */
  close(): Promise<void>;
}

export interface NodeRecord {
  readonly node: Node;
  /** Until the lease ends; negative since when it has. */
  readonly leaseRemainingMs: number;
  /** Participants placed on it so recently that its load may not show them. */
  readonly reservedJoins: number;
}
