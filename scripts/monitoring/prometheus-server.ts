import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FreePorts } from "../free-ports.ts";
import { SupervisedProcess } from "../supervised-process.ts";
import { requireTool } from "../test-tools.ts";

const HOST = "127.0.0.1";

/** What is scraped. */
export interface ScrapeTarget {
  /** host:port. */
  readonly address: string;
  /** As Kubernetes would name them. */
  readonly labels: Readonly<Record<string, string>>;
}

/** One series of an answer. */
export interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

/** An alert that is pending or fires. */
export interface ActiveAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly state: "pending" | "firing";
}

/** A real Prometheus on loopback that scrapes each second. */
export class PrometheusServer {
  readonly #process: SupervisedProcess;
  readonly #folder: string;
  readonly #url: string;

  static async start(targets: readonly ScrapeTarget[], rules: string): Promise<PrometheusServer> {
    const folder = mkdtempSync(join(tmpdir(), "cation-prometheus-"));
    const port = await new FreePorts().take();
    writeFileSync(join(folder, "rules.yml"), rules);
    writeFileSync(join(folder, "prometheus.yml"), JSON.stringify(configuration(targets)));
    const server = new PrometheusServer(folder, port);
    await server.#process.start();
    return server;
  }

  private constructor(folder: string, port: number) {
    this.#folder = folder;
    this.#url = `http://${HOST}:${port}`;
    this.#process = new SupervisedProcess({
      name: "prometheus",
      command: requireTool("prometheus", process.env),
      args: [
        `--config.file=${join(folder, "prometheus.yml")}`,
        `--storage.tsdb.path=${join(folder, "data")}`,
        `--web.listen-address=${HOST}:${port}`,
        "--log.level=warn",
      ],
      env: {},
      isReady: async () => (await fetch(`${this.#url}/-/ready`)).ok,
      onLine: () => undefined,
      onDied: (name, how) => process.stderr.write(`${name} ended by itself: ${how}\n`),
    });
  }

  /** Answers of an instant query. Rejects with Prometheus' own words where the expression is wrong. */
  async query(expression: string): Promise<readonly Series[]> {
    const { result } = await this.#get<{ readonly result: readonly Series[] }>(
      `/api/v1/query?query=${encodeURIComponent(expression)}`,
    );
    return result;
  }

  async alerts(): Promise<readonly ActiveAlert[]> {
    return (await this.#get<{ readonly alerts: readonly ActiveAlert[] }>("/api/v1/alerts")).alerts;
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    await this.#process.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #get<T>(path: string): Promise<T> {
    const response = await fetch(this.#url + path);
    const body = (await response.json()) as { readonly status: string; readonly error?: string; readonly data: T };
    if (body.status !== "success") throw new Error(body.error ?? `HTTP ${response.status}`);
    return body.data;
  }
}

/** JSON is YAML too. */
function configuration(targets: readonly ScrapeTarget[]): object {
  return {
    global: { scrape_interval: "1s", evaluation_interval: "1s" },
    rule_files: ["rules.yml"],
    scrape_configs: [
      {
        job_name: "cation",
        static_configs: targets.map(({ address, labels }) => ({ targets: [address], labels })),
      },
    ],
  };
}
