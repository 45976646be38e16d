import { parentsOf, upstreamsOf } from "@cation/cluster/relay-plan";
import type { RelayPlan, Track } from "@cation/proto/state/v1/state";

/** What a plan costs in links, when every node wants every track. */
export interface TreeFigures {
  readonly nodes: number;
  /** Hops of a track to the node that is farthest away. */
  readonly depth: number;
  /** Pairs of nodes with at least one track between them. */
  readonly links: number;
  /** Of the node that sends most tracks times nodes. */
  readonly maxTracksOut: number;
  /** Links that one node feeds. */
  readonly maxFanOut: number;
  /** A track over the same link twice, or to a node that has it: must be 0. */
  readonly repeated: number;
}

/** Follows each track to each node as nodes do. */
export function measureTree(
  plan: RelayPlan | undefined,
  nodeIds: readonly string[],
  tracks: readonly Track[],
): TreeFigures {
  const parents = parentsOf(plan);
  const links = new Set<string>();
  const crossings = new Set<string>();
  const tracksOut = new Map<string, number>();
  const fedBy = new Map<string, Set<string>>();
  let depth = 0;
  let repeated = 0;
  for (const { trackId, nodeId: origin } of tracks) {
    for (const nodeId of nodeIds) {
      if (nodeId === origin) continue;
      const upstreams = upstreamsOf(parents, nodeId, origin);
      const [from = origin] = upstreams;
      depth = Math.max(depth, upstreams.length);
      const crossing = `${trackId} ${from}>${nodeId}`;
      if (crossings.has(crossing)) repeated += 1;
      crossings.add(crossing);
      links.add(`${from}>${nodeId}`);
      tracksOut.set(from, (tracksOut.get(from) ?? 0) + 1);
      const fed = fedBy.get(from) ?? new Set();
      fedBy.set(from, fed.add(nodeId));
    }
  }
  return {
    nodes: nodeIds.length,
    depth,
    links: links.size,
    maxTracksOut: Math.max(0, ...tracksOut.values()),
    maxFanOut: Math.max(0, ...[...fedBy.values()].map((fed) => fed.size)),
    repeated,
  };
}
