import type { AdminRoomDetail } from "./admin-client.ts";

/** Where a node of a room is drawn, in units of the drawing. */
export interface PlacedNode {
  readonly nodeId: string;
  readonly x: number;
  readonly y: number;
  /** 0 is the core: nodes with publishers. */
  readonly depth: number;
}

/** A way that tracks take, from node to node. */
export interface PlacedLink {
  readonly from: string;
  readonly to: string;
  /** Tracks on it now; 0 for one that is only planned. */
  readonly tracks: number;
  /** For SVG: from the border of one node to the border of the other. */
  readonly path: string;
  readonly labelX: number;
  readonly labelY: number;
}

export interface RelayLayout {
  readonly width: number;
  readonly height: number;
  readonly nodes: readonly PlacedNode[];
  readonly links: readonly PlacedLink[];
}

export const NODE_WIDTH = 168;
export const NODE_HEIGHT = 64;
const GAP_X = 150;
const GAP_Y = 110;
const MARGIN = 24;
/** Both directions between two nodes run side by side, so far from the middle. */
const SIDE = 13;
/** Where on a link its label stands, from its beginning: the labels of both directions do not meet. */
const LABEL_AT = 0.36;

type Graph = Pick<AdminRoomDetail, "nodeIds" | "planned" | "links">;

/**
 * Lays a room's nodes out: the core (all of which feed each other) on a ring, under it in rows what each feeds. Links in
 * use and links only planned.
 */
export function layOutRelays(room: Graph): RelayLayout {
  const [core = [], ...rows] = toRows(room);
  const placed = placeCore(core);
  let y = Math.max(0, ...placed.map((node) => node.y)) + NODE_HEIGHT + GAP_Y;
  const middleX = placed.reduce((sum, node) => sum + node.x, 0) / Math.max(1, placed.length);
  for (const [i, row] of rows.entries()) {
    const firstX = middleX - ((row.length - 1) * (NODE_WIDTH + GAP_X / 2)) / 2;
    for (const [column, nodeId] of row.entries()) {
      placed.push({ nodeId, depth: i + 1, x: firstX + column * (NODE_WIDTH + GAP_X / 2), y });
    }
    y += NODE_HEIGHT + GAP_Y;
  }
  const left = Math.min(...placed.map((node) => node.x)) - MARGIN;
  const nodes = placed.map((node) => ({ ...node, x: node.x - left, y: node.y + MARGIN }));
  const width = Math.max(0, ...nodes.map((node) => node.x)) + NODE_WIDTH + MARGIN;
  const height = Math.max(0, ...nodes.map((node) => node.y)) + NODE_HEIGHT + MARGIN;
  const byId = new Map(nodes.map((node) => [node.nodeId, node]));
  const links = listLinks(room).flatMap(({ from, to, tracks }) => {
    const [a, b] = [byId.get(from), byId.get(to)];
    return a && b ? [{ from, to, tracks, ...drawLink(a, b) }] : [];
  });
  return { width, height, nodes, links };
}

/** One in its place, two side by side, more on a ring. */
function placeCore(nodeIds: readonly string[]): PlacedNode[] {
  const count = nodeIds.length;
  if (count <= 2) return nodeIds.map((nodeId, i) => ({ nodeId, depth: 0, x: i * (NODE_WIDTH + GAP_X), y: 0 }));
  const [radiusX, radiusY] = [Math.max(250, count * 62), Math.max(110, count * 32)];
  return nodeIds.map((nodeId, i) => {
    const angle = (i / count) * 2 * Math.PI - Math.PI / 2;
    return { nodeId, depth: 0, x: radiusX + radiusX * Math.cos(angle), y: radiusY + radiusY * Math.sin(angle) };
  });
}

/** Node ids by depth, parents before children, children in the order of their parents. */
function toRows({ nodeIds, planned, links }: Graph): string[][] {
  const parents = new Map<string, string>();
  for (const { nodeId, parentNodeId } of planned) if (parentNodeId !== "") parents.set(nodeId, parentNodeId);
  const all = new Set([
    ...planned.map(({ nodeId }) => nodeId),
    ...nodeIds,
    ...links.flatMap(({ from, to }) => [from, to]),
  ]);
  const rows: string[][] = [[...all].filter((nodeId) => !parents.has(nodeId)).toSorted()];
  for (let row = rows[0] ?? []; ;) {
    const next = row.flatMap((parent) => [...all].filter((nodeId) => parents.get(nodeId) === parent).toSorted());
    if (next.length === 0) break;
    rows.push(next);
    row = next;
  }
  return rows.filter((row) => row.length > 0);
}

function listLinks({ planned, links }: Graph): { from: string; to: string; tracks: number }[] {
  const used = new Set(links.map(({ from, to }) => `${from} ${to}`));
  const idle = planned
    .filter(({ nodeId, parentNodeId }) => parentNodeId !== "" && !used.has(`${parentNodeId} ${nodeId}`))
    .map(({ nodeId, parentNodeId }) => ({ from: parentNodeId, to: nodeId, tracks: 0 }));
  return [...links, ...idle];
}

/** A straight line, a little to its own right, from border to border. */
function drawLink(a: PlacedNode, b: PlacedNode): Pick<PlacedLink, "path" | "labelX" | "labelY"> {
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const length = Math.hypot(dx, dy) || 1;
  const [sideX, sideY] = [(-dy / length) * SIDE, (dx / length) * SIDE];
  const start = toBorder(a, dx, dy, sideX, sideY);
  const end = toBorder(b, -dx, -dy, sideX, sideY);
  return {
    path: `M ${round(start.x)} ${round(start.y)} L ${round(end.x)} ${round(end.y)}`,
    labelX: round(start.x + (end.x - start.x) * LABEL_AT),
    labelY: round(start.y + (end.y - start.y) * LABEL_AT),
  };
}

/** Where a ray from beside the middle of a node leaves its box. */
function toBorder(node: PlacedNode, dx: number, dy: number, sideX: number, sideY: number) {
  const x = node.x + NODE_WIDTH / 2 + sideX;
  const y = node.y + NODE_HEIGHT / 2 + sideY;
  const reachX = dx === 0 ? Number.POSITIVE_INFINITY : (NODE_WIDTH / 2 - Math.sign(dx) * sideX) / Math.abs(dx);
  const reachY = dy === 0 ? Number.POSITIVE_INFINITY : (NODE_HEIGHT / 2 - Math.sign(dy) * sideY) / Math.abs(dy);
  const reach = Math.min(reachX, reachY);
  return Number.isFinite(reach) ? { x: x + dx * reach, y: y + dy * reach } : { x, y };
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
