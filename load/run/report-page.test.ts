import { expect, it } from "vitest";
import { writeReportPage } from "./report-page.ts";
import type { RunRecord } from "./report-page.ts";
import { Timeline } from "./timeline.ts";

function record(change: Partial<RunRecord["result"]>): RunRecord {
  const timeline = new Timeline(0);
  const one = { bot: 1, group: "viewers" };
  timeline.add("a", { ...one, atMs: 1_000, kind: "join", joinMs: 40, nodeId: "sfu-1" });
  timeline.add("a", { ...one, atMs: 1_100, kind: "firstFrame", firstFrameMs: 140, afterJoinMs: 100 });
  const usage = [1_000, 2_000].map((atMs) => ({ atMs, cpuPercent: 30, residentBytes: 2 ** 27 }));
  return {
    ...{ title: "lecture, <1> bots", about: "one speaks", facts: [["machine", "this"]], startMs: 0, endMs: 10_000 },
    result: {
      ...{ scenario: "lecture", viewers: 1, joinP95Ms: 40, firstFrameP95Ms: 100, lossPercent: 0, freezes: 0 },
      ...{ cpuPercentByNode: { "sfu-1": 30 }, thresholdsPassed: true, botsCpuPercent: 5, botsSaturated: false },
      report: "report.html",
      ...change,
    },
    summary: {
      passed: true,
      thresholds: [{ metric: "bot_join_ms", condition: "p(95)<=3000", passed: true }],
      metrics: { bot_join_ms: { "p(95)": 40.5 } },
      text: "k6 <said>",
    },
    seconds: timeline.seconds(),
    arrivals: timeline.arrivals,
    failureCodes: timeline.failureCodes,
    nodes: new Map([["sfu-1", usage]]),
    bots: new Map([["bots-1", usage]]),
    events: [{ atMs: 4_000, text: "sfu-2 killed" }],
  };
}

it("shows figures, thresholds, plots and what was done to the cluster", () => {
  const page = writeReportPage(record({}));
  expect(page).toContain("Thresholds met");
  expect(page).toContain('<td>p(95)&lt;=3000</td><td class="number">40.5</td>');
  expect(page).toContain("lecture, &lt;1&gt; bots");
  expect(page).toContain("k6 &lt;said&gt;");
  // In each plot a line, and in the table a row.
  const plots = page.match(/<svg/g)?.length ?? 0;
  expect(plots).toBeGreaterThan(6);
  expect(page.match(/<line class="event"/g)).toHaveLength(plots);
  expect(page).toContain("<th>after 4 s</th><td>sfu-2 killed</td>");
  expect(page).not.toContain("NaN");
});

it("says of a run with saturated bots that it is void", () => {
  const page = writeReportPage(record({ botsSaturated: true }));
  expect(page).toContain(">Void<");
  expect(page).toContain("too busy to measure by");
});
