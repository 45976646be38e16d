import { createWriteStream, writeFileSync } from "node:fs";
import type { WriteStream } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import { join } from "node:path";
import { ensureK6 } from "../../scripts/k6-tool.ts";
import { startCluster } from "../../scripts/local-cluster.ts";
import type { LocalCluster } from "../../scripts/local-cluster.ts";
import { startBotProcesses } from "./bot-process.ts";
import type { BotProcess } from "./bot-process.ts";
import { scheduleFaults } from "./fault.ts";
import { runK6 } from "./k6-run.ts";
import type { K6Summary } from "./k6-run.ts";
import { metricsSource, ProcessMeter, procSource } from "./process-meter.ts";
import { writeReportPage } from "./report-page.ts";
import type { RunOptions } from "./run-options.ts";
import { SCENARIOS } from "./run-options.ts";
import { resultOf } from "./run-result.ts";
import type { RunResult } from "./run-result.ts";
import { Timeline } from "./timeline.ts";

const LOOK_MS = 1_000;

/** One run of a scenario: starts what it needs, runs k6, watches, reports, and leaves nothing running. */
export class LoadRun {
  readonly #options: RunOptions;
  readonly #folder: string;
  readonly #say: (line: string) => void;
  readonly #log: WriteStream;
  readonly #abort = new AbortController();
  readonly #events: { readonly atMs: number; readonly text: string }[] = [];
  readonly #nodes = new Map<string, ProcessMeter>();
  readonly #botMeters = new Map<string, ProcessMeter>();
  readonly #cursors = new Map<string, number>();
  #timeline = new Timeline(0);
  #cluster: LocalCluster | undefined;
  #bots: readonly BotProcess[] = [];

  /** The report goes to `folder`, which exists; `say` tells how it goes. */
  constructor(options: RunOptions, folder: string, say: (line: string) => void) {
    this.#options = options;
    this.#folder = folder;
    this.#say = say;
    this.#log = createWriteStream(join(folder, "processes.log"));
  }

  /** Ends early: the report shows what there was. */
  abort(): void {
    this.#abort.abort();
  }

  async run(): Promise<RunResult> {
    const k6 = ensureK6(process.env, this.#say);
    try {
      await this.#start();
      return await this.#drive(k6);
    } finally {
      await Promise.all(this.#bots.map(({ process: bots }) => bots.kill()));
      await this.#cluster?.stop();
      this.#log.end();
    }
  }

  async #start(): Promise<void> {
    const { targets, nodes, signals, islbs, placement, botProcesses, metrics } = this.#options;
    const onLine = (name: string, line: string): void => void this.#log.write(`${name.padEnd(9)} ${line}\n`);
    if (targets.length === 0) {
      this.#say(`Starting ${signals} signal, ${islbs} islb and ${nodes} sfu…`);
      const quiet = (kind: string) => ({ [`CATION_${kind}_LOG_LEVEL`]: "warn" });
      this.#cluster = await startCluster({
        ...{ signals, islbs, sfus: nodes, placement, onLine },
        env: { signal: quiet("SIGNAL"), islb: quiet("ISLB"), sfu: { ...quiet("SFU"), ...this.#drainTime() } },
        signal: this.#abort.signal,
        onDied: (name, how) => this.#note(`${name} died: ${how}`),
      });
      const { sfus, signals: fronts, islbs: registries, redis, nats } = this.#cluster;
      for (const { name, process: watched } of [...sfus, ...fronts, ...registries, redis, nats]) {
        this.#nodes.set(name, new ProcessMeter(procSource(() => watched.pid)));
      }
    }
    for (const [name, url] of metrics) this.#nodes.set(name, new ProcessMeter(metricsSource(url)));
    this.#bots = await startBotProcesses(botProcesses, onLine);
    for (const { name, process: watched } of this.#bots) {
      this.#botMeters.set(name, new ProcessMeter(procSource(() => watched.pid)));
    }
  }

  /** A node that is asked to stop in the middle of a run has to have time to move its participants. */
  #drainTime(): Record<string, string> {
    return this.#options.faults.length > 0 ? { CATION_SFU_DRAIN_TIMEOUT_MS: "7000" } : {};
  }

  async #drive(k6: string): Promise<RunResult> {
    const startMs = Date.now();
    this.#timeline = new Timeline(startMs);
    const callOff = this.#cluster
      ? scheduleFaults(this.#options.faults, this.#cluster, (text) => this.#note(text))
      : () => undefined;
    const looking = setInterval(() => void this.#look(), LOOK_MS);
    let summary: K6Summary;
    try {
      summary = await runK6({
        k6,
        scenario: this.#options.scenario,
        env: this.#k6Environment(),
        summaryFile: join(this.#folder, "k6-summary.json"),
        onLine: this.#say,
        signal: this.#abort.signal,
      });
    } finally {
      clearInterval(looking);
      callOff();
    }
    await this.#look();
    return this.#report(startMs, Date.now(), summary);
  }

  #k6Environment(): Record<string, string> {
    const { viewers, joinsPerSecond, seconds, bitrateKbps, simulcast, targets, targetIslb } = this.#options;
    const islbs = this.#cluster?.islbs.map(({ grpcAddress }) => grpcAddress) ?? [targetIslb ?? ""];
    return {
      CATION_BOTS: this.#bots.map(({ url }) => url).join(","),
      CATION_SIGNALS: (this.#cluster?.signals.map(({ url }) => url) ?? targets).join(","),
      CATION_ISLBS: islbs.join(","),
      CATION_ROOM: `load-${Date.now().toString(36)}`,
      CATION_VIEWERS: String(viewers),
      CATION_JOINS_PER_SECOND: String(joinsPerSecond),
      CATION_HOLD_SECONDS: String(seconds),
      CATION_VIDEO_BPS: String(bitrateKbps * 1_000),
      CATION_SIMULCAST: simulcast ? "1" : "0",
    };
  }

  async #look(): Promise<void> {
    const meters = [...this.#nodes.values(), ...this.#botMeters.values()];
    await Promise.all([...meters.map((meter) => meter.look()), ...this.#bots.map((bots) => this.#readSamples(bots))]);
  }

  async #readSamples(bots: BotProcess): Promise<void> {
    const page = await bots.samples(this.#cursors.get(bots.name) ?? 0).catch(() => undefined);
    if (!page || page.cursor <= (this.#cursors.get(bots.name) ?? 0)) return;
    this.#cursors.set(bots.name, page.cursor);
    for (const sample of page.samples) this.#timeline.add(bots.name, sample);
  }

  #note(text: string): void {
    this.#events.push({ atMs: Date.now(), text });
    this.#say(`  ! ${text}`);
  }

  #report(startMs: number, endMs: number, summary: K6Summary): RunResult {
    const { scenario, viewers } = this.#options;
    const seconds = this.#timeline.seconds();
    const busy = seconds.filter(({ present }) => present > 0);
    const [fromMs, toMs] = [busy[0]?.atMs ?? startMs, (busy.at(-1)?.atMs ?? endMs) + 1_000];
    const cpuPercentByNode: Record<string, number> = {};
    for (const [name, meter] of this.#nodes) {
      const mean = meter.meanCpuPercent(fromMs, toMs);
      if (mean !== undefined) cpuPercentByNode[name] = Math.round(mean * 10) / 10;
    }
    const report = join(this.#folder, "report.html");
    const result = resultOf({ scenario, viewers, cpuPercentByNode, report }, summary);
    const usagesOf = (meters: ReadonlyMap<string, ProcessMeter>) =>
      new Map([...meters].map(([name, { usages }]) => [name, usages] as const));
    const page = writeReportPage({
      title: viewers > 0 ? `${scenario}, ${viewers} bots` : scenario,
      about: SCENARIOS[scenario].about,
      facts: this.#facts(startMs),
      ...{ startMs, endMs, result, summary, seconds },
      arrivals: this.#timeline.arrivals,
      failureCodes: this.#timeline.failureCodes,
      nodes: usagesOf(this.#nodes),
      bots: usagesOf(this.#botMeters),
      events: this.#events,
    });
    writeFileSync(report, page);
    writeFileSync(join(this.#folder, "result.json"), `${JSON.stringify(result, null, 2)}\n`);
    writeFileSync(join(this.#folder, "k6.txt"), `${summary.text}\n`);
    return result;
  }

  #facts(startMs: number): (readonly [string, string])[] {
    const { nodes, signals, islbs, placement, targets, botProcesses } = this.#options;
    const cluster =
      targets.length > 0 ? targets.join(", ") : `here: ${signals} signal, ${islbs} islb, ${nodes} sfu (${placement})`;
    return [
      ["started", new Date(startMs).toISOString()],
      ["cluster", cluster],
      ["command", ["npm run load --", ...process.argv.slice(2)].join(" ")],
      ["bots", `${botProcesses} process${botProcesses === 1 ? "" : "es"} on this machine`],
      ["machine", `${availableParallelism()} × ${cpus()[0]?.model ?? "unknown"}, Node ${process.versions.node}`],
    ];
  }
}
