import type { NodeRecord } from "@cation/cluster/store/node-registry";
import type { RoomOccupancy } from "@cation/cluster/store/room-store";
import type { Node } from "@cation/proto/state/v1/state";
import { CodedError } from "@cation/service-kit/coded-error";
import { capacityOf, toCandidate } from "./candidate.ts";
import type { Candidate } from "./candidate.ts";
import type { PlacementLimits, PlacementRequest } from "./placement-strategy.ts";
import { strategyOf } from "./strategies.ts";
import type { PlacementName } from "./strategies.ts";

export interface PlacementOptions extends PlacementLimits {
  readonly placement: PlacementName;
  /** A node more loaded gets no participants. */
  readonly maxStress: number;
}

/**
 * Chooses the node for a participant. Throws CLUSTER_FULL when no node can take one; where nodes can be asked for, also
 * NODE_NOT_FOUND and NODE_DRAINING.
 *
 * @param occupancy the room as it is; undefined for a new one.
 */
export function place(
  request: PlacementRequest,
  records: readonly NodeRecord[],
  occupancy: RoomOccupancy | undefined,
  options: PlacementOptions,
  random: () => number,
): Node {
  const alive = records.filter(({ leaseRemainingMs }) => leaseRemainingMs > 0);
  const pinned = options.placement === "pinned" && request.nodeId !== "";
  const eligible = pinned ? [findPinned(alive, request.nodeId)] : alive.filter(({ node }) => !node.draining);
  const candidates = eligible
    .map((record) => toCandidate(record, occupancy))
    .filter((candidate) => hasSpace(candidate, options.maxStress));
  if (candidates.length === 0) throw new CodedError("CLUSTER_FULL", explain(eligible.length));
  return strategyOf(options.placement)(request, candidates, options, random).node;
}

function findPinned(alive: readonly NodeRecord[], nodeId: string): NodeRecord {
  const record = alive.find(({ node }) => node.nodeId === nodeId);
  if (!record) throw new CodedError("NODE_NOT_FOUND");
  if (record.node.draining) throw new CodedError("NODE_DRAINING");
  return record;
}

function hasSpace({ node, stress, participants }: Candidate, maxStress: number): boolean {
  return stress < maxStress && participants < capacityOf(node);
}

function explain(nodes: number): string {
  if (nodes === 0) return "No node is alive that takes participants.";
  return `None of the ${nodes} nodes has room for another participant.`;
}
