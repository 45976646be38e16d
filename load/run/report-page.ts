import { drawChart, escapeHtml, formatNumber } from "./chart.ts";
import type { ChartOptions, Series } from "./chart.ts";
import type { K6Summary } from "./k6-run.ts";
import type { Usage } from "./process-meter.ts";
import type { RunResult } from "./run-result.ts";
import { quantile } from "./timeline.ts";
import type { Arrival, TimelineSecond } from "./timeline.ts";

/** Everything that was seen of a run. */
export interface RunRecord {
  readonly title: string;
  /** Of the scenario, one line. */
  readonly about: string;
  /** How it was called, and on what machine: name → value. */
  readonly facts: readonly (readonly [string, string])[];
  readonly startMs: number;
  readonly endMs: number;
  readonly result: RunResult;
  readonly summary: K6Summary;
  readonly seconds: readonly TimelineSecond[];
  readonly arrivals: readonly Arrival[];
  readonly failureCodes: ReadonlyMap<string, number>;
  readonly nodes: ReadonlyMap<string, readonly Usage[]>;
  readonly bots: ReadonlyMap<string, readonly Usage[]>;
  readonly events: readonly { readonly atMs: number; readonly text: string }[];
}

const STYLE = `
:root { color-scheme: light dark; --bg: #f6f7f9; --card: #fff; --ink: #1b2330; --dim: #667085; --rule: #e3e7ee; --good: #12805c; --bad: #c0362c;
  --c0: #2563c9; --c1: #d97706; --c2: #0f9d76; --c3: #b5379a; --c4: #6b52d1; --c5: #c2410c; --c6: #0b8fa8; --c7: #6b7280; }
@media (prefers-color-scheme: dark) { :root { --bg: #10141b; --card: #181e28; --ink: #e7ebf2; --dim: #98a2b3; --rule: #2a3341; --good: #3ecf9b; --bad: #ff7a6e;
  --c0: #6ea8ff; --c1: #f5b14c; --c2: #43d3a6; --c3: #ec83d4; --c4: #a695ff; --c5: #ff9466; --c6: #4fd0e6; --c7: #a3adba; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--bg); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1400px; margin: 0 auto; padding: 28px 24px 60px; }
header { display: flex; flex-wrap: wrap; gap: 8px 16px; align-items: baseline; }
h1 { margin: 0; font-size: 26px; letter-spacing: -.01em; }
h2 { margin: 34px 0 12px; font-size: 17px; }
.about { color: var(--dim); }
.verdict { margin-left: auto; padding: 4px 14px; border-radius: 99px; font-weight: 650; color: #fff; background: var(--good); }
.verdict.bad { background: var(--bad); }
@media (prefers-color-scheme: dark) { .verdict { color: #10141b; } }
.warning { margin: 16px 0 0; padding: 10px 14px; border-left: 4px solid var(--bad); background: var(--card); border-radius: 6px; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(max(150px, 100% / 5), 1fr)); gap: 12px; margin: 20px 0 0; }
.tile, figure, .card { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; }
.tile { padding: 12px 16px; }
.tile b { display: block; font-size: 25px; font-weight: 650; letter-spacing: -.02em; font-variant-numeric: tabular-nums; }
.tile b small { font-size: 14px; font-weight: 500; color: var(--dim); margin-left: 3px; letter-spacing: 0; }
.tile span { color: var(--dim); font-size: 13px; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 520px), 1fr)); gap: 14px; }
figure { margin: 0; padding: 14px 16px 12px; min-width: 0; }
figcaption b { display: block; }
figcaption span { color: var(--dim); font-size: 13px; display: block; min-height: 1.5em; }
svg { width: 100%; height: auto; display: block; margin-top: 6px; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 16px; list-style: none; margin: 6px 0 0; padding: 0; font-size: 13px; color: var(--dim); }
.legend i { display: inline-block; width: 10px; height: 10px; border-radius: 3px; background: currentColor; margin-right: 6px; }
${Array.from({ length: 8 }, (_, i) => `.line.c${i} { stroke: var(--c${i}); fill: none; stroke-width: 1.8; stroke-linejoin: round } .line.c${i} .fill { fill: var(--c${i}); opacity: .13; stroke: none } .dots.c${i} { fill: var(--c${i}); opacity: .6 } .bars.c${i} { fill: var(--c${i}) } .legend .c${i} i { background: var(--c${i}) }`).join("\n")}
.tick { font-size: 11.5px; fill: var(--dim); font-variant-numeric: tabular-nums; }
.grid { stroke: var(--rule); }
line.bound { stroke: var(--bad); stroke-dasharray: 5 4; } text.bound { fill: var(--bad); font-size: 11.5px; }
line.event { stroke: var(--bad); stroke-width: 1.4; } text.event { fill: var(--bad); font-size: 11.5px; font-weight: 600; paint-order: stroke; stroke: var(--card); stroke-width: 3px; }
.card { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
td, th { text-align: left; padding: 7px 16px; border-top: 1px solid var(--rule); white-space: nowrap; }
tr:first-child > * { border-top: 0; }
th { font-size: 13px; font-weight: 500; color: var(--dim); }
td.number, th.number { text-align: right; }
.good { color: var(--good); font-weight: 600; } .bad-text { color: var(--bad); font-weight: 600; }
pre { margin: 0; padding: 14px 16px; font: 12.5px/1.45 ui-monospace, monospace; }
details summary { cursor: pointer; padding: 10px 16px; color: var(--dim); }
`;

/** The run as a page that needs nothing else. */
export function writeReportPage(record: RunRecord): string {
  const { title, about, result, summary, facts } = record;
  const passed = result.thresholdsPassed;
  const verdict = result.botsSaturated ? "Void" : passed ? "Thresholds met" : "Thresholds missed";
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<header><h1>${escapeHtml(title)}</h1><span class="about">${escapeHtml(about)}</span>
<span class="verdict${passed && !result.botsSaturated ? "" : " bad"}">${verdict}</span></header>
${writeWarnings(record)}
${writeTiles(record)}
<h2>Thresholds</h2>
${writeThresholds(summary)}
<h2>Over time</h2>
<div class="charts">
${chartsOf(record).map(drawChart).join("\n")}
</div>
<h2>Processes</h2>
${writeProcesses(record)}
<h2>The run</h2>
<div class="card"><table>${facts
    .map(([name, value]) => `<tr><th>${escapeHtml(name)}</th><td>${escapeHtml(value)}</td></tr>`)
    .join("")}${record.events
    .map(
      ({ atMs, text }) =>
        `<tr><th>after ${formatNumber((atMs - record.startMs) / 1_000)} s</th><td>${escapeHtml(text)}</td></tr>`,
    )
    .join("")}</table></div>
<h2>k6's summary</h2>
<div class="card"><details><summary>As k6 printed it</summary><pre>${escapeHtml(summary.text)}</pre></details></div>
</main>
</body>
</html>
`;
}

function writeWarnings({ result, failureCodes }: RunRecord): string {
  const warnings: string[] = [];
  if (result.botsSaturated) {
    warnings.push(
      "A process of bots was too busy to measure by. What looks like loss or delay may be its own: use more --bot-processes, or another machine for them.",
    );
  }
  if (failureCodes.size > 0) {
    const codes = [...failureCodes].map(([code, count]) => `${code} × ${count}`);
    warnings.push(`Joins were refused: ${codes.join(", ")}.`);
  }
  return warnings.map((text) => `<p class="warning">${escapeHtml(text)}</p>`).join("");
}

function writeTiles({ result, arrivals, seconds, nodes }: RunRecord): string {
  const latencies = seconds.flatMap(({ latencyP95Ms }) => (latencyP95Ms === undefined ? [] : [latencyP95Ms]));
  const busiest = Object.entries(result.cpuPercentByNode).toSorted((a, b) => b[1] - a[1])[0];
  const tiles: (readonly [string, number | null | undefined, string])[] = [
    ["joined", arrivals.length > 0 ? arrivals.length : result.viewers, "bots"],
    ["join, p95", result.joinP95Ms, "ms"],
    ["first frame after it, p95", result.firstFrameP95Ms, "ms"],
    ["loss", result.lossPercent, "%"],
    ["freezes", result.freezes, ""],
    ["latency, median of p95", quantile(latencies, 0.5), "ms"],
    [busiest ? `${busiest[0]}, busiest of ${nodes.size}` : "CPU", busiest?.[1], "% of a core"],
    ["bots' own CPU", result.botsCpuPercent, "% of a core"],
  ];
  const cells = tiles
    .filter(([, value]) => value !== null && value !== undefined)
    .map(
      ([name, value, unit]) =>
        `<div class="tile"><b>${formatNumber(value ?? 0)}<small>${unit}</small></b><span>${escapeHtml(name)}</span></div>`,
    );
  return `<div class="tiles">${cells.join("")}</div>`;
}

function writeThresholds({ thresholds, metrics }: K6Summary): string {
  const rows = thresholds.map(({ metric, condition, passed }) => {
    const statistic = condition.split(/[<>=!]/)[0].trim();
    const value = metrics[metric]?.[statistic];
    const seen = value === undefined ? "–" : formatNumber(value);
    const outcome = passed ? '<span class="good">met</span>' : '<span class="bad-text">missed</span>';
    return `<tr><td>${escapeHtml(metric)}</td><td>${escapeHtml(condition)}</td><td class="number">${seen}</td><td>${outcome}</td></tr>`;
  });
  return `<div class="card"><table><tr><th>metric</th><th>shall</th><th class="number">was</th><th></th></tr>${rows.join("")}</table></div>`;
}

function writeProcesses({ nodes, bots }: RunRecord): string {
  const rows = [...nodes, ...bots].map(([name, usages]) => {
    const cpu = usages.map(({ cpuPercent }) => cpuPercent);
    const memory = usages.map(({ residentBytes }) => residentBytes);
    const mean = cpu.length > 0 ? cpu.reduce((sum, one) => sum + one, 0) / cpu.length : undefined;
    const cells = [
      percent(mean),
      percent(quantile(cpu, 0.95)),
      percent(cpu.length > 0 ? Math.max(...cpu) : undefined),
      memory.length > 0 ? `${formatNumber(Math.max(...memory) / 2 ** 20)} MiB` : "–",
      memory.length > 0 ? `${formatNumber((memory[memory.length - 1] - memory[0]) / 2 ** 20)} MiB` : "–",
    ];
    return `<tr><td>${escapeHtml(name)}</td>${cells.map((cell) => `<td class="number">${cell}</td>`).join("")}</tr>`;
  });
  const head = ["process", "CPU, mean", "p95", "max", "memory, max", "growth"];
  const heads = head.map((name, i) => `<th${i > 0 ? ' class="number"' : ""}>${name}</th>`);
  return `<div class="card"><table><tr>${heads.join("")}</tr>${rows.join("")}</table></div>`;
}

function percent(value: number | undefined): string {
  return value === undefined ? "–" : `${formatNumber(value)} %`;
}

function chartsOf(record: RunRecord): ChartOptions[] {
  const { startMs, endMs, seconds, arrivals, nodes, bots } = record;
  const at = (atMs: number): number => (atMs - startMs) / 1_000;
  const events = record.events.map(({ atMs, text }) => ({ seconds: at(atMs), text }));
  const common = { seconds: at(endMs), events };
  const over = (name: string, kind: Series["kind"], of: (second: TimelineSecond) => number | undefined): Series => ({
    ...{ name, kind },
    points: seconds.map((second) => [at(second.atMs), of(second)]),
  });
  const usage = (all: ReadonlyMap<string, readonly Usage[]>, of: (one: Usage) => number): Series[] =>
    [...all].map(([name, usages]) => ({ name, kind: "line", points: usages.map((one) => [at(one.atMs), of(one)]) }));
  const heights = [...new Set(seconds.flatMap(({ bitrateByHeight }) => Object.keys(bitrateByHeight)))].toSorted(
    (a, b) => Number(a) - Number(b),
  );
  const due = ({ packets, lost }: TimelineSecond): number => packets + lost;
  const charts: (ChartOptions & { readonly isEmpty?: boolean })[] = [
    {
      ...common,
      ...{ title: "Bots in their rooms", caption: "and how many joined, were refused or came back in each second" },
      unit: "",
      series: [
        over("present", "area", ({ present }) => present),
        over("joins a second", "line", ({ joins }) => joins),
        over("refused", "bars", ({ failures }) => failures),
        over("rejoined", "bars", ({ rejoins }) => rejoins),
      ],
    },
    {
      ...common,
      ...{ title: "Join", caption: "a dot for each bot: from opening its WebSocket to the answer", unit: "ms" },
      series: [{ name: "join", kind: "dots", points: arrivals.map(({ atMs, joinMs }) => [at(atMs), joinMs]) }],
      isEmpty: arrivals.length === 0,
    },
    {
      ...common,
      ...{ title: "First frame", caption: "a dot for each bot: from the answer to a picture that can be decoded" },
      unit: "ms",
      series: [
        {
          name: "first frame",
          kind: "dots",
          points: arrivals.map(({ atMs, firstFrameMs }) => [at(atMs), firstFrameMs]),
        },
      ],
      bound: { value: 1_000, text: "p95 shall be below" },
      isEmpty: !arrivals.some(({ firstFrameMs }) => firstFrameMs !== undefined),
    },
    {
      ...common,
      ...{ title: "Loss", caption: "packets that never came, and those that came again on demand, of all due" },
      unit: "%",
      series: [
        over("lost", "bars", (second) => (due(second) > 0 ? (100 * second.lost) / due(second) : undefined)),
        over("recovered", "line", (second) => (due(second) > 0 ? (100 * second.recovered) / due(second) : undefined)),
      ],
      atLeast: 0.1,
    },
    {
      ...common,
      ...{ title: "Latency", caption: "from the publisher's sending to a viewer's arrival, over all bots", unit: "ms" },
      series: [
        over("median", "line", ({ latencyP50Ms }) => latencyP50Ms),
        over("95th percentile of the 95th", "line", ({ latencyP95Ms }) => latencyP95Ms),
        over("jitter, 95th", "line", ({ jitterP95Ms }) => jitterP95Ms),
      ],
      isEmpty: !seconds.some(({ latencyP50Ms }) => latencyP50Ms !== undefined),
    },
    {
      ...common,
      ...{ title: "Freezes", caption: "pictures that stood still, in each second, over all bots", unit: "" },
      series: [over("freezes", "bars", ({ freezes }) => freezes)],
      atLeast: 1,
    },
    {
      ...common,
      ...{ title: "Video received", caption: "by height of the picture, mean of those that had it", unit: "kb/s" },
      series: heights.map((height) =>
        over(`${height} lines`, "line", ({ bitrateByHeight }) =>
          bitrateByHeight[height] === undefined ? undefined : bitrateByHeight[height] / 1_000,
        ),
      ),
      isEmpty: heights.length === 0,
    },
    {
      ...common,
      ...{ title: "CPU of the cluster", caption: "by process, of one core", unit: "%" },
      series: usage(nodes, ({ cpuPercent }) => cpuPercent),
      isEmpty: nodes.size === 0,
    },
    {
      ...common,
      ...{ title: "CPU of the bots", caption: "beyond their bound they measure themselves, and the run is void" },
      unit: "%",
      series: usage(bots, ({ cpuPercent }) => cpuPercent),
      atLeast: 100,
      isEmpty: bots.size === 0,
    },
    {
      ...common,
      ...{ title: "Memory of the cluster", caption: "resident, by process", unit: "MiB" },
      series: usage(nodes, ({ residentBytes }) => residentBytes / 2 ** 20),
      isEmpty: nodes.size === 0,
    },
  ];
  return charts.filter(({ isEmpty }) => isEmpty !== true);
}
