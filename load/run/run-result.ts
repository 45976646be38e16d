import type { K6Summary } from "./k6-run.ts";

/** The last line of a run. */
export interface RunResult {
  readonly scenario: string;
  readonly viewers: number;
  /** null where the scenario has no such figure. */
  readonly joinP95Ms: number | null;
  /** From the answer to the join to the first picture that can be decoded. */
  readonly firstFrameP95Ms: number | null;
  readonly lossPercent: number | null;
  readonly freezes: number | null;
  /** Mean while viewers were there, of one core, by process. */
  readonly cpuPercentByNode: Readonly<Record<string, number>>;
  readonly thresholdsPassed: boolean;
  readonly botsCpuPercent: number | null;
  /** A process of bots was too busy to measure: the figures say nothing of the cluster. */
  readonly botsSaturated: boolean;
  readonly report: string;
}

export function resultOf(
  run: Pick<RunResult, "scenario" | "viewers" | "cpuPercentByNode" | "report">,
  summary: K6Summary,
): RunResult {
  const { scenario, viewers, cpuPercentByNode, report } = run;
  const { metrics } = summary;
  const audience = (metric: string): string =>
    Object.keys(metrics).find((name) => name.startsWith(`${metric}{group:`)) ?? metric;
  const read = (name: string, statistic: string): number | null => round(metrics[name]?.[statistic]);
  return {
    scenario,
    viewers,
    joinP95Ms: read(audience("bot_join_ms"), "p(95)") ?? read("signal_join_ms", "p(95)"),
    firstFrameP95Ms: read(audience("bot_first_frame_ms"), "p(95)"),
    lossPercent: read("media_loss_percent", "value"),
    freezes: read("media_freezes", "count"),
    cpuPercentByNode,
    thresholdsPassed: summary.passed,
    botsCpuPercent: read("bots_cpu_percent", "avg"),
    botsSaturated: (metrics["bots_saturated"]?.["count"] ?? 0) > 0,
    report,
  };
}

function round(value: number | undefined): number | null {
  return value === undefined ? null : Math.round(value * 1_000) / 1_000;
}
