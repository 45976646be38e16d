import type { ScaleResult } from "./scale-model.ts";

/** Of a publisher: 720p in three encodings (150, 500 and 1,700 kb/s), and audio. */
const TRACK_BPS = 2_350_000 + 40_000;
const MBPS = 1_000_000;

type Row = readonly [name: string, value: (result: ScaleResult) => string];

const ROWS: readonly Row[] = [
  ["nodes with the room", ({ tree }) => whole(tree.nodes)],
  ["links in use", ({ tree }) => whole(tree.links)],
  ["hops to the farthest node", ({ tree }) => whole(tree.depth)],
  ["nodes that one node feeds, at most", ({ tree }) => whole(tree.maxFanOut)],
  ["tracks twice over a link", ({ tree }) => whole(tree.repeated)],
  ["Mb/s on a link, all layers wanted", ({ publishers }) => decimal((publishers * TRACK_BPS) / MBPS)],
  ["Mb/s to other nodes, at most from one", ({ tree }) => decimal((tree.maxTracksOut * TRACK_BPS) / MBPS)],
  ["the same without trees", ({ tree, publishers }) => decimal(((tree.nodes - 1) * publishers * TRACK_BPS) / MBPS)],
  ["event messages, to all nodes", ({ eventMessages }) => whole(eventMessages)],
  ["event messages a join", ({ eventMessagesPerJoin }) => decimal(eventMessagesPerJoin)],
  ["event bytes a node", ({ eventBytes, tree }) => whole(eventBytes / tree.nodes)],
  ["room events to a client", ({ clientEventsEach }) => whole(clientEventsEach)],
  ["bytes of a join's answer", ({ joinResponseBytes }) => whole(joinResponseBytes)],
  ["reports of nodes", ({ reports }) => whole(reports)],
  ["rooms read again by nodes", ({ rereads }) => whole(rereads)],
  ["bytes of the plan", ({ planBytes }) => whole(planBytes)],
  ["ms CPU of a plan", ({ planMs }) => decimal(planMs)],
  ["a feeding node is lost: nodes it fed", ({ repair }) => whole(repair.children)],
  ["nodes that move", ({ repair }) => whole(repair.movedNodes)],
  ["ms CPU to take it out and plan", ({ repair }) => decimal(repair.planMs)],
  ["bytes of the change", ({ repair }) => whole(repair.changeBytes)],
];

/** Results side by side, as Markdown. */
export function scaleTable(results: readonly ScaleResult[]): string {
  const lines = [
    `| viewers | ${results.map(({ viewers }) => whole(viewers)).join(" | ")} |`,
    `|---|${results.map(() => "---:").join("|")}|`,
    ...ROWS.map(([name, value]) => `| ${name} | ${results.map(value).join(" | ")} |`),
  ];
  return lines.join("\n");
}

function whole(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

function decimal(value: number): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: value < 10 ? 2 : 0 });
}
