import { byNodeId } from "@cation/cluster/relay-plan";
import type { RelayPlan, RelayPlanNode } from "@cation/proto/state/v1/state";

/** A node of a room, as the planner sees it. */
export interface PlannedNode {
  readonly nodeId: string;
  readonly region: string;
  /** Tracks come in there. */
  readonly publishes: boolean;
  /** May feed others: is alive and is not being emptied. */
  readonly feeds: boolean;
}

export interface PlanOptions {
  /** Nodes that one node may feed in the trees; at least 2. */
  readonly fanOut: number;
}

/** A tree may be so much deeper than a balanced one before nodes are moved up. */
const SPARE_DEPTH = 2;

/**
 * How a room's tracks travel between its nodes: publishers' nodes are the core, all others hang under it in trees of bounded
 * fan-out. A pure function of its arguments. What was there before stays wherever it may: an edge changes its parent only
 * when that one is gone or feeds nobody any more, or when the tree has grown too deep. Gives `previous` back where nothing
 * changed, and undefined while one node has no plan.
 *
 * Regions: a node hangs under one of its own region where one has room, so that each region is reached once.
 */
export function planRelay(
  nodes: readonly PlannedNode[],
  previous: RelayPlan | undefined,
  options: PlanOptions,
): RelayPlan | undefined {
  if (nodes.length <= 1 && !previous) return undefined;
  const forest = new Forest(nodes, previous, options.fanOut);
  const planned = forest.plan();
  if (previous && isSame(previous.nodes, planned)) return previous;
  return { version: (previous?.version ?? 0) + 1, nodes: planned };
}

/** A node while its place is looked for. */
interface Place {
  readonly node: PlannedNode;
  parent: Place | undefined;
  readonly children: Place[];
  /** From the core, which has 0; −1 while it hangs in the air. */
  depth: number;
  /** Nodes at and below it when it was cut off. */
  weight: number;
}

class Forest {
  readonly #fanOut: number;
  readonly #maxDepth: number;
  readonly #places = new Map<string, Place>();
  readonly #core: Place[];
  /** Places in the tree that may feed more, by region. */
  readonly #free = new Map<string, Place[]>();
  readonly #orphans: Place[] = [];

  constructor(nodes: readonly PlannedNode[], previous: RelayPlan | undefined, fanOut: number) {
    this.#fanOut = Math.max(2, fanOut);
    this.#maxDepth = Math.ceil(Math.log(nodes.length + 1) / Math.log(this.#fanOut)) + SPARE_DEPTH;
    for (const node of nodes.toSorted(byNodeId)) {
      this.#places.set(node.nodeId, { node, parent: undefined, children: [], depth: -1, weight: 1 });
    }
    this.#core = this.#chooseCore(previous);
    this.#keepParents(previous);
  }

  /** Puts every node into a tree. In the order of node ids. */
  plan(): RelayPlanNode[] {
    for (const place of this.#core) this.#settle(place, 0);
    this.#attachOrphans();
    // Parents in a ring, which no plan of ours has: each is placed anew.
    for (const place of this.#places.values()) {
      if (place.depth >= 0) continue;
      this.#cutOff(place);
      this.#attachOrphans();
    }
    return [...this.#places.values()].map(({ node, parent }) => ({
      nodeId: node.nodeId,
      parentNodeId: parent?.node.nodeId ?? "",
    }));
  }

  /** Those who publish; where nobody does, those who were the core, so that nothing moves while a microphone is off. */
  #chooseCore(previous: RelayPlan | undefined): Place[] {
    const places = [...this.#places.values()];
    const publishing = places.filter(({ node }) => node.publishes);
    if (publishing.length > 0) return publishing;
    const before = new Set(previous?.nodes.filter((node) => node.parentNodeId === "").map(({ nodeId }) => nodeId));
    const remaining = places.filter(({ node }) => before.has(node.nodeId));
    if (remaining.length > 0) return remaining;
    return places
      .filter(({ node }) => node.feeds)
      .slice(0, 1)
      .concat(places)
      .slice(0, 1);
  }

  #keepParents(previous: RelayPlan | undefined): void {
    const before = new Map(previous?.nodes.map(({ nodeId, parentNodeId }) => [nodeId, parentNodeId]));
    const core = new Set(this.#core);
    for (const place of this.#places.values()) {
      if (core.has(place)) continue;
      const parent = this.#places.get(before.get(place.node.nodeId) ?? "");
      if (!parent || parent === place || !this.#mayFeed(parent)) this.#orphans.push(place);
      else this.#hang(place, parent);
    }
  }

  #attachOrphans(): void {
    // What carries most comes first, and so nearest to the core; those who feed nobody come last.
    for (const orphan of this.#orphans) orphan.weight = weigh(orphan);
    this.#orphans.sort(
      (a, b) => Number(b.node.feeds) - Number(a.node.feeds) || b.weight - a.weight || byNodeId(a.node, b.node),
    );
    for (let i = 0; i < this.#orphans.length; i++) {
      const orphan = this.#orphans[i];
      const parent = this.#findParent(orphan.node.region);
      this.#hang(orphan, parent);
      this.#settle(orphan, parent.depth + 1);
    }
    this.#orphans.length = 0;
  }

  /** The tree has reached a place: those below it are reached too, as far as they may stay. */
  #settle(place: Place, depth: number): void {
    place.depth = depth;
    if (this.#mayFeed(place)) getOrAdd(this.#free, place.node.region).push(place);
    for (const child of [...place.children]) {
      if (depth + 1 > this.#maxDepth) this.#cutOff(child);
      else this.#settle(child, depth + 1);
    }
  }

  #findParent(region: string): Place {
    const found = this.#shallowest(this.#free.get(region)) ?? this.#shallowest([...this.#free.values()].flat());
    if (found) return found;
    // Nobody may feed another one: better too many below one than a node without pictures.
    return [...this.#places.values()].filter(({ depth }) => depth >= 0).reduce((a, b) => (isBetter(b, a) ? b : a));
  }

  #shallowest(places: Place[] | undefined): Place | undefined {
    if (!places) return undefined;
    let best: Place | undefined;
    let kept = 0;
    for (const place of places) {
      if (!this.#mayFeed(place)) continue;
      places[kept++] = place;
      if (!best || isBetter(place, best)) best = place;
    }
    places.length = kept;
    return best;
  }

  #mayFeed({ node, children }: Place): boolean {
    return node.feeds && children.length < this.#fanOut;
  }

  #hang(place: Place, parent: Place): void {
    place.parent = parent;
    parent.children.push(place);
  }

  #cutOff(place: Place): void {
    const siblings = place.parent?.children;
    siblings?.splice(siblings.indexOf(place), 1);
    place.parent = undefined;
    this.#orphans.push(place);
  }
}

function isBetter(a: Place, b: Place): boolean {
  if (a.depth !== b.depth) return a.depth < b.depth;
  if (a.children.length !== b.children.length) return a.children.length < b.children.length;
  return a.node.nodeId < b.node.nodeId;
}

function weigh(place: Place): number {
  let weight = 1;
  for (const child of place.children) weight += weigh(child);
  return weight;
}

function getOrAdd(map: Map<string, Place[]>, key: string): Place[] {
  let places = map.get(key);
  if (!places) map.set(key, (places = []));
  return places;
}

function isSame(a: readonly RelayPlanNode[], b: readonly RelayPlanNode[]): boolean {
  return (
    a.length === b.length &&
    a.every((node, i) => node.nodeId === b[i].nodeId && node.parentNodeId === b[i].parentNodeId)
  );
}
