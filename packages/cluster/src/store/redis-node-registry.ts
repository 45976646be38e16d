import { Node } from "@cation/proto/state/v1/state";
import { encodeToken } from "../token.ts";
import type { NodeRecord, NodeRegistry } from "./node-registry.ts";
import type { RedisConnection } from "./redis-connection.ts";
import * as scripts from "./redis-node-scripts.ts";
import { compareUtf8 } from "./sorted-ids.ts";

export interface RedisNodeRegistryOptions {
  /** Put before every key, so that several clusters can share a Redis. */
  readonly keyPrefix: string;
}

/** Nodes in Redis. Their keys share the hash tag `{nodes}`; they are few and small, and apart from the rooms. */
export class RedisNodeRegistry implements NodeRegistry {
  readonly #redis: RedisConnection;
  readonly #prefix: string;

  /** @param redis stays the caller's: closing the registry does not close it. */
  constructor(redis: RedisConnection, options: Partial<RedisNodeRegistryOptions> = {}) {
    this.#redis = redis;
    this.#prefix = `${options.keyPrefix ?? "cation:"}{nodes}:`;
  }

  async report(node: Node, roomIds: readonly string[], leaseMs: number): Promise<string[]> {
    const keys = [this.#key("nodes"), this.#key("leases"), this.#roomsKey(node.nodeId)];
    const args = [node.nodeId, Node.encode(node).finish(), leaseMs, ...roomIds];
    const others = (await this.#redis.run(scripts.REPORT_SCRIPT, keys, args)) as Buffer[];
    return others.map(String);
  }

  async list(): Promise<NodeRecord[]> {
    const keys = [this.#key("nodes"), this.#key("leases"), this.#key("reservations"), this.#key("reserved")];
    const rows = (await this.#redis.run(scripts.LIST_SCRIPT, keys, [])) as [Buffer, Buffer, number, number][];
    return rows
      .map(([, message, leaseRemainingMs, reservedJoins]) => ({
        node: Node.decode(message),
        leaseRemainingMs,
        reservedJoins,
      }))
      .sort((a, b) => compareUtf8(a.node.nodeId, b.node.nodeId));
  }

  async reserve(nodeId: string, roomId: string, ttlMs: number): Promise<void> {
    const keys = [this.#key("reservations"), this.#key("reserved"), this.#key("sequence"), this.#roomsKey(nodeId)];
    await this.#redis.run(scripts.RESERVE_SCRIPT, keys, [nodeId, roomId, ttlMs]);
  }

  async adopt(node: Node, roomId: string): Promise<void> {
    const keys = [this.#key("nodes"), this.#key("leases"), this.#roomsKey(node.nodeId)];
    await this.#redis.run(scripts.ADOPT_SCRIPT, keys, [node.nodeId, Node.encode(node).finish(), roomId]);
  }

  async rooms(nodeId: string): Promise<string[]> {
    const rooms = (await this.#redis.call("ZRANGE", this.#roomsKey(nodeId), 0, -1)) as Buffer[];
    return rooms.map(String);
  }

  async forgetRooms(nodeId: string, roomIds: readonly string[], olderThanMs: number): Promise<void> {
    if (roomIds.length === 0) return;
    await this.#redis.run(scripts.FORGET_ROOMS_SCRIPT, [this.#roomsKey(nodeId)], [olderThanMs, ...roomIds]);
  }

  async endLease(nodeId: string): Promise<void> {
    await this.#redis.run(scripts.END_LEASE_SCRIPT, [this.#key("leases")], [nodeId]);
  }

  async removeExpired(nodeId: string): Promise<boolean> {
    const keys = [this.#key("nodes"), this.#key("leases"), this.#key("reserved"), this.#roomsKey(nodeId)];
    return (await this.#redis.run(scripts.REMOVE_EXPIRED_SCRIPT, keys, [nodeId])) === 1;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #key(name: string): string {
    return this.#prefix + name;
  }

  #roomsKey(nodeId: string): string {
    return `${this.#prefix}rooms:${encodeToken(nodeId)}`;
  }
}
