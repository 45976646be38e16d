import type { RelayPlan, RelayPlanChange, RelayPlanNode } from "@cation/proto/state/v1/state";

/** A chain of parents in a plan that somebody spoilt ends here. */
const MAX_DEPTH = 64;

/** A plan by node: who feeds each, empty for the core. */
export type RelayParents = ReadonlyMap<string, string>;

/** The plan's nodes with their parents. */
export function parentsOf(plan: RelayPlan | undefined): RelayParents {
  return new Map(plan?.nodes.map(({ nodeId, parentNodeId }) => [nodeId, parentNodeId]));
}

/**
 * Where a node may have a track from, best first: what feeds it by the plan, what feeds that, and in the end the node where
 * the track comes in, which always has it. A node of the core, or one that the plan does not name, asks that node only.
 */
export function upstreamsOf(parents: RelayParents, nodeId: string, originNodeId: string): string[] {
  const upstreams: string[] = [];
  let at = parents.get(nodeId) ?? "";
  while (at !== "" && at !== nodeId && at !== originNodeId && upstreams.length < MAX_DEPTH) {
    upstreams.push(at);
    at = parents.get(at) ?? "";
  }
  upstreams.push(originNodeId);
  return upstreams;
}

/** What became different between two plans, by the later one's version. */
export function diffPlans(before: RelayPlan | undefined, after: RelayPlan): RelayPlanChange {
  const old = parentsOf(before);
  const kept = parentsOf(after);
  return {
    planVersion: after.version,
    nodes: after.nodes.filter(({ nodeId, parentNodeId }) => old.get(nodeId) !== parentNodeId),
    removedNodeIds: [...old.keys()].filter((nodeId) => !kept.has(nodeId)),
  };
}

/** The plan after a change. */
export function applyPlanChange(plan: RelayPlan | undefined, change: RelayPlanChange): RelayPlan {
  const nodes = new Map(plan?.nodes.map((node) => [node.nodeId, node]));
  for (const nodeId of change.removedNodeIds) nodes.delete(nodeId);
  for (const node of change.nodes) nodes.set(node.nodeId, node);
  return { version: change.planVersion, nodes: [...nodes.values()].toSorted(byNodeId) };
}

/** Orders a plan's nodes. */
export function byNodeId(a: Pick<RelayPlanNode, "nodeId">, b: Pick<RelayPlanNode, "nodeId">): number {
  if (a.nodeId === b.nodeId) return 0;
  return a.nodeId < b.nodeId ? -1 : 1;
}
