import { Node } from "@cation/proto/state/v1/state";
import type { Clock } from "@cation/service-kit/clock";
import type { NodeRecord, NodeRegistry } from "./node-registry.ts";
import { compareUtf8 } from "./sorted-ids.ts";

interface Entry {
  node: Node;
  leaseUntilMs: number;
}

/** Nodes in the memory of one process. */
export class MemoryNodeRegistry implements NodeRegistry {
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();
  /** By node, when each room was last placed on it or reported by it. */
  readonly #rooms = new Map<string, Map<string, number>>();
  /** By node, when each reservation ends, soonest first. */
  readonly #reservations = new Map<string, number[]>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async report(node: Node, roomIds: readonly string[], leaseMs: number): Promise<string[]> {
    const nowMs = this.#clock.nowMs();
    this.#entries.set(node.nodeId, { node: Node.fromPartial(node), leaseUntilMs: nowMs + leaseMs });
    const known = this.#roomsOf(node.nodeId);
    const reported = new Set(roomIds);
    const others = [...known.keys()].filter((roomId) => !reported.has(roomId));
    for (const roomId of reported) known.set(roomId, nowMs);
    return others;
  }

  async list(): Promise<NodeRecord[]> {
    const nowMs = this.#clock.nowMs();
    return [...this.#entries.values()]
      .map(({ node, leaseUntilMs }) => ({
        node: Node.fromPartial(node),
        leaseRemainingMs: leaseUntilMs - nowMs,
        reservedJoins: this.#countReservations(node.nodeId, nowMs),
      }))
      .sort((a, b) => compareUtf8(a.node.nodeId, b.node.nodeId));
  }

  async reserve(nodeId: string, roomId: string, ttlMs: number): Promise<void> {
    const nowMs = this.#clock.nowMs();
    this.#roomsOf(nodeId).set(roomId, nowMs);
    const ends = this.#reservations.get(nodeId) ?? [];
    const endMs = nowMs + ttlMs;
    let index = ends.length;
    while (index > 0 && ends[index - 1] > endMs) index -= 1;
    ends.splice(index, 0, endMs);
    this.#reservations.set(nodeId, ends);
  }

  async adopt(node: Node, roomId: string): Promise<void> {
    const nowMs = this.#clock.nowMs();
    const { nodeId } = node;
    if (!this.#entries.has(nodeId)) this.#entries.set(nodeId, { node: Node.fromPartial(node), leaseUntilMs: nowMs });
    this.#roomsOf(nodeId).set(roomId, nowMs);
  }

  async rooms(nodeId: string): Promise<string[]> {
    return [...(this.#rooms.get(nodeId)?.keys() ?? [])];
  }

  async forgetRooms(nodeId: string, roomIds: readonly string[], olderThanMs: number): Promise<void> {
    const rooms = this.#rooms.get(nodeId);
    const beforeMs = this.#clock.nowMs() - olderThanMs;
    for (const roomId of roomIds) if ((rooms?.get(roomId) ?? Infinity) <= beforeMs) rooms?.delete(roomId);
  }

  async endLease(nodeId: string): Promise<void> {
    const entry = this.#entries.get(nodeId);
    if (entry) entry.leaseUntilMs = Math.min(entry.leaseUntilMs, this.#clock.nowMs());
  }

  async removeExpired(nodeId: string): Promise<boolean> {
    const entry = this.#entries.get(nodeId);
    if (entry && entry.leaseUntilMs > this.#clock.nowMs()) return false;
    this.#entries.delete(nodeId);
    this.#rooms.delete(nodeId);
    this.#reservations.delete(nodeId);
    return true;
  }

  close(): Promise<void> {
    this.#entries.clear();
    this.#rooms.clear();
    this.#reservations.clear();
    return Promise.resolve();
  }

  #roomsOf(nodeId: string): Map<string, number> {
    let rooms = this.#rooms.get(nodeId);
    if (!rooms) {
      rooms = new Map();
      this.#rooms.set(nodeId, rooms);
    }
    return rooms;
  }

  #countReservations(nodeId: string, nowMs: number): number {
    const ends = this.#reservations.get(nodeId);
    if (!ends) return 0;
    let ended = 0;
    while (ended < ends.length && ends[ended] <= nowMs) ended += 1;
    if (ended > 0) ends.splice(0, ended);
    return ends.length;
  }
}
