/** One line or cloud of dots of a chart. */
export interface Series {
  readonly name: string;
  readonly kind: "line" | "dots" | "area" | "bars";
  /** Seconds since the start of the run, and the value; undefined leaves a gap. */
  readonly points: readonly (readonly [seconds: number, value: number | undefined])[];
}

export interface ChartOptions {
  readonly title: string;
  /** Says what is drawn, and what to look for. */
  readonly caption: string;
  readonly unit: string;
  readonly series: readonly Series[];
  readonly seconds: number;
  readonly events: readonly { readonly seconds: number; readonly text: string }[];
  /** A line that values should stay below. */
  readonly bound?: { readonly value: number; readonly text: string };
  /** The vertical axis reaches at least so far. */
  readonly atLeast?: number;
}

const WIDTH = 640;
const HEIGHT = 260;
const LEFT = 52;
const RIGHT = 14;
const TOP = 22;
const BOTTOM = 26;
const PLOT_WIDTH = WIDTH - LEFT - RIGHT;
const PLOT_HEIGHT = HEIGHT - TOP - BOTTOM;
const COLORS = 8;

/** A chart as a figure with inline SVG, in the page's colours. */
export function drawChart(options: ChartOptions): string {
  const { title, caption, unit, series, events, bound, atLeast = 0 } = options;
  const seconds = Math.max(options.seconds, 1);
  const values = series.flatMap(({ points }) => points.flatMap(([, value]) => (value === undefined ? [] : [value])));
  const ticks = niceTicks(Math.max(atLeast, bound?.value ?? 0, ...values));
  const top = ticks[ticks.length - 1];
  const x = (at: number): number => LEFT + (Math.min(Math.max(at, 0), seconds) / seconds) * PLOT_WIDTH;
  const y = (value: number): number => TOP + (1 - Math.min(value, top) / top) * PLOT_HEIGHT;
  const parts = [
    ...ticks.map((tick) => gridLine(y(tick), formatNumber(tick))),
    ...niceTicks(seconds)
      .filter((tick) => tick <= seconds)
      .map(
        (tick) =>
          `<text class="tick" x="${n(x(tick))}" y="${HEIGHT - 8}" text-anchor="middle">${formatNumber(tick)} s</text>`,
      ),
    `<text class="tick" x="${LEFT - 8}" y="12" text-anchor="end">${escapeHtml(unit)}</text>`,
    ...series.map((one, index) => drawSeries(one, index % COLORS, x, y)),
    ...(bound === undefined ? [] : [boundLine(y(bound.value), bound.text)]),
    ...events.map(({ seconds: at, text }, index) => eventLine(x(at), text, index)),
  ];
  return `<figure>
<figcaption><b>${escapeHtml(title)}</b><span>${escapeHtml(caption)}</span></figcaption>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeHtml(title)}">${parts.join("")}</svg>
<ul class="legend">${series.map(({ name }, index) => legendEntry(name, index % COLORS)).join("")}</ul>
</figure>`;
}

function drawSeries(
  { kind, points, name }: Series,
  color: number,
  x: (seconds: number) => number,
  y: (value: number) => number,
): string {
  const title = `<title>${escapeHtml(name)}</title>`;
  const known = points.filter((point): point is readonly [number, number] => point[1] !== undefined);
  if (kind === "dots") {
    const dots = known.map(([at, value]) => `<circle cx="${n(x(at))}" cy="${n(y(value))}" r="2.2"/>`);
    return `<g class="dots c${color}">${title}${dots.join("")}</g>`;
  }
  if (kind === "bars") {
    const base = y(0);
    const bars = known
      .filter(([, value]) => value > 0)
      .map(([at, value]) => `<rect x="${n(x(at) - 2)}" width="4" y="${n(y(value))}" height="${n(base - y(value))}"/>`);
    return `<g class="bars c${color}">${title}${bars.join("")}</g>`;
  }
  const lines = splitAtGaps(points).map((run) => run.map(([at, value]) => `${n(x(at))},${n(y(value))}`).join(" L"));
  const strokes = lines.map((line) => `<path d="M${line}"/>`).join("");
  if (kind === "line") return `<g class="line c${color}">${title}${strokes}</g>`;
  const fills = splitAtGaps(points)
    .filter((run) => run.length > 1)
    .map((run) => {
      const line = run.map(([at, value]) => `${n(x(at))},${n(y(value))}`).join(" L");
      return `<path class="fill" d="M${n(x(run[0][0]))},${n(y(0))} L${line} L${n(x(run[run.length - 1][0]))},${n(y(0))} Z"/>`;
    });
  return `<g class="line c${color}">${title}${fills.join("")}${strokes}</g>`;
}

function splitAtGaps(points: Series["points"]): (readonly [number, number])[][] {
  const runs: (readonly [number, number])[][] = [[]];
  for (const [at, value] of points) {
    if (value !== undefined) runs[runs.length - 1].push([at, value]);
    else if (runs[runs.length - 1].length > 0) runs.push([]);
  }
  return runs.filter((run) => run.length > 0);
}

function gridLine(at: number, label: string): string {
  return `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${n(at)}" y2="${n(at)}"/><text class="tick" x="${LEFT - 8}" y="${n(at + 4)}" text-anchor="end">${label}</text>`;
}

function boundLine(at: number, text: string): string {
  return `<line class="bound" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${n(at)}" y2="${n(at)}"/><text class="bound" x="${WIDTH - RIGHT}" y="${n(at - 4)}" text-anchor="end">${escapeHtml(text)}</text>`;
}

/** Names of events that are close to each other stand one below the other. */
function eventLine(at: number, text: string, index: number): string {
  const isRight = at > LEFT + PLOT_WIDTH * 0.7;
  const anchor = isRight ? "end" : "start";
  const textX = isRight ? at - 4 : at + 4;
  return `<line class="event" x1="${n(at)}" x2="${n(at)}" y1="${TOP}" y2="${HEIGHT - BOTTOM}"/><text class="event" x="${n(textX)}" y="${TOP + 11 + (index % 4) * 13}" text-anchor="${anchor}">${escapeHtml(text)}</text>`;
}

function legendEntry(name: string, color: number): string {
  return `<li class="c${color}"><i></i>${escapeHtml(name)}</li>`;
}

/** 0 and a few round numbers, the last not below `top`. */
function niceTicks(top: number): number[] {
  const wanted = top > 0 ? top : 1;
  const rough = wanted / 4;
  const magnitude = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * magnitude).find((one) => one >= rough) ?? rough;
  return Array.from({ length: Math.ceil(wanted / step) + 1 }, (_, index) => index * step);
}

/** Short, without the noise of floating point. */
export function formatNumber(value: number): string {
  if (value === 0) return "0";
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : Math.abs(value) >= 1 ? 2 : 4;
  return Number(value.toFixed(digits)).toLocaleString("en-US", { maximumFractionDigits: digits });
}

function n(value: number): string {
  return String(Math.round(value * 10) / 10);
}

export function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
