/** Prints docs/metrics.md from the definitions of the services. `node scripts/metrics-page.ts > docs/metrics.md` */
import { createIslbMetrics } from "@cation/islb/islb-metrics";
import { InProcessEventBus } from "@cation/cluster/events/in-process-event-bus";
import { addSfuMetrics } from "@cation/sfu/sfu-metrics";
import { NO_STATS } from "@cation/sfu/worker-stats";
import { createSignalMetrics } from "@cation/signal/signal-metrics";
import { Registry } from "prom-client";
import { isMain } from "./is-main.ts";

/** What this page needs of a metric. */
interface Described {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly labelNames: readonly string[];
  /** Of histograms. */
  readonly upperBounds?: readonly number[];
}

const INTRODUCTION = `# Metrics

Every service serves \`/metrics\` on its admin port (Prometheus' text format); embedded mode serves all of them on one. Each series has the label \`service\`. Beside the metrics below there are those of the process (\`process_…\`, \`nodejs_…\`: CPU, memory, event loop, garbage collection).

Label values are bounded: kinds, codes, reasons and directions are fixed lists. No series names a room or a participant unless \`CATION_SFU_METRICS_LABELS\` asks for that. The packet path counts in typed arrays; everything of an sfu is put together when it is scraped.

How loss, jitter and round trips come about: an sfu measures what publishers and relays send (RFC 3550 App. A), and takes what receivers say in their reports for what it sends. Each report is one sample of a histogram, so that \`histogram_quantile\` over a rate is a quantile over streams and time.

This page is made from the definitions (\`node scripts/metrics-page.ts > docs/metrics.md\`); tests hold it to them and to what \`/metrics\` prints.
`;

/** The page as it should be. */
export function metricsPage(): string {
  const sections = Object.entries(describeServices()).map(([service, metrics]) => {
    const rows = metrics.map(
      ({ name, type, labelNames, help, upperBounds }) =>
        `| \`${name}\` | ${type} | ${labelNames.map((label) => `\`${label}\``).join(", ")} | ${help}${bucketsOf(upperBounds)} |`,
    );
    return `## ${service}\n\n| metric | type | labels | meaning |\n|---|---|---|---|\n${rows.join("\n")}\n`;
  });
  return `${INTRODUCTION}\n${sections.join("\n")}`;
}

function describeServices(): Record<string, readonly Described[]> {
  return {
    signal: describe((registry) => createSignalMetrics(registry)),
    islb: describe((registry) => createIslbMetrics(registry, new InProcessEventBus())),
    sfu: describe((registry) => {
      addSfuMetrics(registry, {
        readStats: () => Promise.resolve(NO_STATS),
        readWorkers: () => [],
        readLoad: () => ({ stress: 0, cpu: 0, packetsPerSecond: 0, egressBps: 0 }),
        readRooms: () => Promise.resolve([]),
        labels: "participant",
        isRegistered: () => true,
        isDraining: () => false,
        isConnected: () => true,
      });
    }),
  };
}

function describe(add: (registry: Registry) => void): readonly Described[] {
  const registry = new Registry();
  add(registry);
  return registry.getMetricsAsArray() as unknown as Described[];
}

function bucketsOf(upperBounds: readonly number[] | undefined): string {
  return upperBounds === undefined ? "" : ` Buckets: ${upperBounds.join(", ")}.`;
}

if (isMain(import.meta.url)) process.stdout.write(metricsPage());
