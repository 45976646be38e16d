/**
 * `npm run check:dashboards`: a real Prometheus scrapes a cluster that carries calls. Every query of every panel must
 * return data, every alert rule must be valid and look at series that exist, none may fire while all is well, and killing
 * a node must make the right one fire. Installs Prometheus from Debian's packages where it may. The last line is one JSON
 * object.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureTools } from "./ensure-tools.ts";
import { startCluster } from "./local-cluster.ts";
import type { LocalCluster } from "./local-cluster.ts";
import { thisMachine } from "./machine.ts";
import { alertRules, panelQueries, ruleFile, seriesOf } from "./monitoring/chart-queries.ts";
import { MonitoredLoad } from "./monitoring/monitored-load.ts";
import { PrometheusServer } from "./monitoring/prometheus-server.ts";
import type { ScrapeTarget } from "./monitoring/prometheus-server.ts";
import { OPERATION_TOOLS, requireTool, TEST_TOOLS } from "./test-tools.ts";

const NAMESPACE = "cation";
const WINDOW = "10s";
/** How long load may take to show in every panel. */
const DATA_TIMEOUT_MS = 90_000;
/** A lost node: its lease, a lease and the grace more, and a sweep; then a scrape and an evaluation. */
const ALERT_TIMEOUT_MS = 45_000;
const SCRAPE_LIMIT_SECONDS = 0.25;

interface Outcome {
  readonly panels: number;
  readonly withoutData: readonly string[];
  readonly rules: number;
  readonly withoutSeries: readonly string[];
  readonly firingWhileWell: readonly string[];
  readonly firedAfterKill: boolean;
  readonly alertAfterMs: number;
  readonly scrapeMaxMs: number;
}

async function main(): Promise<void> {
  const servers = TEST_TOOLS.filter(({ program }) => program.endsWith("-server"));
  ensureTools(
    [...servers, ...OPERATION_TOOLS.filter(({ debianPackage }) => debianPackage === "prometheus")],
    thisMachine(),
  );
  checkRules();
  const cluster = await startCluster({ placement: "pinned", signals: 1 });
  const load = new MonitoredLoad(cluster);
  const prometheus = await PrometheusServer.start(targetsOf(cluster), ruleFile(NAMESPACE));
  try {
    load.start();
    report(await check(cluster, prometheus));
  } finally {
    await load.stop();
    await prometheus.stop();
    await cluster.kill();
  }
}

async function check(cluster: LocalCluster, prometheus: PrometheusServer): Promise<Outcome> {
  const queries = panelQueries(NAMESPACE, WINDOW);
  const withoutData = await untilNone(DATA_TIMEOUT_MS, () =>
    findMissing(queries, prometheus, ({ dashboard, panel, expression }) => [`${dashboard}, ${panel}`, expression]),
  );
  const series = alertRules(NAMESPACE).flatMap(({ alert, expression }) =>
    seriesOf(expression).map((one) => ({ alert, one })),
  );
  const withoutSeries = await findMissing(series, prometheus, ({ alert, one }) => [alert, one]);
  const firingWhileWell = (await prometheus.alerts()).map(({ labels }) => labels["alertname"] ?? "");
  const [slowest] = await prometheus.query("max(max_over_time(scrape_duration_seconds[1m]))");
  const alertAfterMs = await killNode(cluster, prometheus);
  return {
    panels: queries.length,
    withoutData,
    rules: alertRules(NAMESPACE).length,
    withoutSeries,
    // The noise that makes errors countable is all failed joins: that rule may well be pending.
    firingWhileWell: firingWhileWell.filter((name) => name !== "CationJoinsFail"),
    firedAfterKill: alertAfterMs >= 0,
    alertAfterMs,
    scrapeMaxMs: Math.round(Number(slowest?.value[1] ?? 0) * 1000),
  };
}

/** Those whose query answers nothing. */
async function findMissing<T>(
  items: readonly T[],
  prometheus: PrometheusServer,
  describe: (item: T) => readonly [name: string, expression: string],
): Promise<string[]> {
  const missing: string[] = [];
  for (const [name, expression] of items.map(describe)) {
    const problem = await prometheus.query(expression).then(
      (found) => (found.length === 0 ? "no data" : undefined),
      (error: unknown) => String(error),
    );
    if (problem !== undefined) missing.push(`${name}: ${problem}: ${expression}`);
  }
  return missing;
}

async function untilNone(timeoutMs: number, find: () => Promise<string[]>): Promise<string[]> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const found = await find();
    if (found.length === 0 || Date.now() > deadline) return found;
    await sleep(1000);
  }
}

/** Kills an sfu; how long until the alert for it fires, or -1. */
async function killNode(cluster: LocalCluster, prometheus: PrometheusServer): Promise<number> {
  const startedAt = Date.now();
  await cluster.sfus[1]?.process.kill();
  while (Date.now() - startedAt < ALERT_TIMEOUT_MS) {
    const alerts = await prometheus.alerts();
    if (alerts.some(({ labels, state }) => labels["alertname"] === "CationNodeLost" && state === "firing")) {
      return Date.now() - startedAt;
    }
    await sleep(500);
  }
  return -1;
}

function targetsOf({ signals, islbs, sfus }: LocalCluster): readonly ScrapeTarget[] {
  return [...signals, ...islbs, ...sfus].map(({ name, adminUrl }) => ({
    address: new URL(adminUrl).host,
    labels: { namespace: NAMESPACE, pod: name },
  }));
}

/** By Prometheus' own tool. */
function checkRules(): void {
  const folder = mkdtempSync(join(tmpdir(), "cation-rules-"));
  try {
    writeFileSync(join(folder, "rules.yml"), ruleFile(NAMESPACE));
    const promtool = requireTool("promtool", process.env);
    const { status, stdout, stderr } = spawnSync(promtool, ["check", "rules", join(folder, "rules.yml")], {
      encoding: "utf8",
    });
    if (status !== 0) throw new Error(`promtool: ${stdout}${stderr}`);
    console.log(stdout.trim());
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function report(outcome: Outcome): void {
  const { withoutData, withoutSeries, firingWhileWell, firedAfterKill, alertAfterMs, scrapeMaxMs } = outcome;
  const lines = [
    verdict(withoutData.length === 0, `${outcome.panels} queries of panels return data`, withoutData),
    verdict(withoutSeries.length === 0, `${outcome.rules} alert rules look at series that exist`, withoutSeries),
    verdict(firingWhileWell.length === 0, "no alert is pending or fires while all is well", firingWhileWell),
    verdict(firedAfterKill, `CationNodeLost fires ${alertAfterMs} ms after a node was killed`, []),
    verdict(scrapeMaxMs / 1000 < SCRAPE_LIMIT_SECONDS, `the slowest scrape took ${scrapeMaxMs} ms`, []),
  ];
  const ok = lines.every((line) => line.startsWith("✓"));
  console.log(lines.join("\n"));
  console.log(JSON.stringify({ ok, ...outcome }));
  if (!ok) process.exitCode = 1;
}

function verdict(ok: boolean, text: string, details: readonly string[]): string {
  return [`${ok ? "✓" : "✗"} ${text}`, ...details.map((detail) => `    ${detail}`)].join("\n");
}

function sleep(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
