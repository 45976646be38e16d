import type { ClientSample } from "./client-run.ts";

const WIDTH = 1_100;
const LEFT = 60;
const POINTS = 1_000;
const COLOURS = { capacity: "#888", estimate: "#0a7", target: "#fa0", sent: "#06c", queue: "#c33" } as const;
const LAYER_COLOURS = ["#c7d9f2", "#6fa3e0", "#1f5fb0"];

interface Panel {
  readonly title: string;
  readonly top: number;
  readonly height: number;
  readonly max: number;
  readonly unit: string;
}

/** Draws a run as a page of one SVG: rates, the link's queue, and the encoding of each track over time. */
export function drawRun(title: string, samples: readonly ClientSample[]): string {
  const shown = thinned(samples);
  const endMs = shown.at(-1)?.timeMs ?? 1;
  const tracks = shown[0]?.layers.length ?? 0;
  const rates = {
    title: "rate",
    top: 40,
    height: 300,
    max: topOf(shown, (s) => Math.max(s.capacityBps, s.estimateBps)),
    unit: "Mb/s",
  };
  const queue = {
    title: "queue",
    top: 380,
    height: 120,
    max: Math.max(
      100,
      topOf(shown, (s) => s.queueMs),
    ),
    unit: "ms",
  };
  const layersTop = 540;
  const height = layersTop + 14 * tracks + 50;
  const lines = (["capacity", "estimate", "target", "sent"] as const).map((name) => {
    const read = (sample: ClientSample): number => (name === "sent" ? sample.sentBps : sample[`${name}Bps`]);
    return line(rates, shown, endMs, read, COLOURS[name]);
  });
  const legend = (["capacity", "estimate", "target", "sent", "queue"] as const)
    .map((name, i) => `<text x="${LEFT + 110 * i}" y="24" fill="${COLOURS[name]}">${name}</text>`)
    .join("");
  return `<!doctype html>
<meta charset="utf-8">
<title>${escaped(title)}</title>
<style>body { font: 13px sans-serif; margin: 1em } svg { background: #fff } text { font: 12px sans-serif }</style>
<h1 style="font-size: 1.2em">${escaped(title)}</h1>
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}">
${legend}
${axes(rates, rates.max / 1e6)}${lines.join("\n")}
${axes(queue, queue.max)}${line(queue, shown, endMs, (s) => s.queueMs, COLOURS.queue)}
<text x="4" y="${layersTop - 6}">layers</text>
${layers(shown, endMs, layersTop, tracks)}
${seconds(endMs, height - 20)}
</svg>
`;
}

/** Peaks of rates and queues stay: of each stretch the one with the longest queue is shown. */
function thinned(samples: readonly ClientSample[]): readonly ClientSample[] {
  const stretch = Math.ceil(samples.length / POINTS);
  const shown: ClientSample[] = [];
  for (let i = 0; i < samples.length; i += stretch) {
    const part = samples.slice(i, i + stretch);
    const longest = part.reduce((a, b) => (b.queueMs > a.queueMs ? b : a));
    const sentBps = part.reduce((sum, sample) => sum + sample.sentBps, 0) / part.length;
    shown.push({ ...longest, sentBps });
  }
  return shown;
}

function x(timeMs: number, endMs: number): number {
  return LEFT + (timeMs / endMs) * (WIDTH - LEFT - 10);
}

function line(
  panel: Panel,
  samples: readonly ClientSample[],
  endMs: number,
  read: (sample: ClientSample) => number,
  colour: string,
): string {
  const points = samples.map((sample) => {
    const y = panel.top + panel.height * (1 - Math.min(1, read(sample) / panel.max));
    return `${x(sample.timeMs, endMs).toFixed(1)},${y.toFixed(1)}`;
  });
  return `<polyline points="${points.join(" ")}" fill="none" stroke="${colour}" stroke-width="1.5"/>`;
}

function axes(panel: Panel, shownMax: number): string {
  const bottom = panel.top + panel.height;
  return [0, 0.5, 1]
    .map((share) => {
      const y = bottom - share * panel.height;
      const label = (share * shownMax).toFixed(shownMax < 10 ? 1 : 0);
      return `<line x1="${LEFT}" x2="${WIDTH - 10}" y1="${y}" y2="${y}" stroke="#ddd"/><text x="4" y="${y + 4}">${label} ${panel.unit}</text>`;
    })
    .join("");
}

/** One row a track: darker for better encodings, empty where it is paused. */
function layers(samples: readonly ClientSample[], endMs: number, top: number, tracks: number): string {
  const rects: string[] = [];
  for (let track = 0; track < tracks; track++) {
    let from = 0;
    for (let i = 1; i <= samples.length; i++) {
      if (i < samples.length && samples[i].layers[track] === samples[from].layers[track]) continue;
      const encoding = samples[from].layers[track];
      const left = x(samples[from].timeMs, endMs);
      const right = x(samples[Math.min(i, samples.length - 1)].timeMs, endMs);
      const colour = LAYER_COLOURS[Math.min(encoding, LAYER_COLOURS.length - 1)];
      if (encoding >= 0) {
        rects.push(
          `<rect x="${left.toFixed(1)}" y="${top + 14 * track}" width="${(right - left).toFixed(1)}" height="11" fill="${colour}"/>`,
        );
      }
      from = i;
    }
  }
  return rects.join("\n");
}

function seconds(endMs: number, y: number): string {
  return Array.from({ length: 11 }, (_, i) => {
    const timeMs = (endMs * i) / 10;
    return `<text x="${x(timeMs, endMs) - 8}" y="${y}">${(timeMs / 1_000).toFixed(0)} s</text>`;
  }).join("");
}

function topOf(samples: readonly ClientSample[], read: (sample: ClientSample) => number): number {
  return 1.1 * samples.reduce((most, sample) => Math.max(most, read(sample)), 1);
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
