import { Counter, Gauge } from "prom-client";
import type { Metric, MetricObjectWithValues, MetricValue, Registry } from "prom-client";

type Labels = Readonly<Record<string, string>>;

/** What a metric says of itself. */
export interface MetricDefinition {
  readonly name: string;
  readonly help: string;
  readonly labelNames?: readonly string[];
}

export interface HistogramDefinition extends MetricDefinition {
  /** Upper bounds of the buckets, ascending, in the metric's unit; the one above all is not among them. */
  readonly bounds: readonly number[];
}

/** One series of a metric. */
export interface Sample {
  readonly labels?: Labels;
  readonly value: number;
}

/** One series of a histogram: a count for each bound and one for what lies above, not cumulative. */
export interface HistogramSample {
  readonly labels?: Labels;
  readonly counts: readonly number[];
  readonly sum: number;
}

type Read<T> = () => T | Promise<T>;

/** Adds a gauge that is read at each scrape. */
export function addScrapedGauge(registry: Registry, definition: MetricDefinition, read: Read<readonly Sample[]>): void {
  new Gauge({
    ...withLabelNames(definition),
    registers: [registry],
    async collect() {
      const samples = await read();
      this.reset();
      for (const { labels, value } of samples) this.set(labels ?? {}, value);
    },
  });
}

/** Adds a total that is kept elsewhere, and read at each scrape. */
export function addScrapedCounter(
  registry: Registry,
  definition: MetricDefinition,
  read: Read<readonly Sample[]>,
): void {
  new Counter({
    ...withLabelNames(definition),
    registers: [registry],
    async collect() {
      const samples = await read();
      this.reset();
      for (const { labels, value } of samples) this.inc(labels ?? {}, value);
    },
  });
}

/** Adds a histogram whose buckets are counted elsewhere, and read at each scrape. prom-client has none that can be set. */
export function addScrapedHistogram(
  registry: Registry,
  definition: HistogramDefinition,
  read: Read<readonly HistogramSample[]>,
): void {
  const { name, help, bounds, labelNames = [] } = definition;
  const metric = {
    name,
    help,
    type: "histogram",
    labelNames,
    upperBounds: bounds,
    reset: () => undefined,
    async get(): Promise<MetricObjectWithValues<MetricValue<string>>> {
      const samples = await read();
      const values = samples.flatMap((sample) => toValues(name, bounds, sample));
      return { name, help, type: "histogram", aggregator: "sum", values } as never;
    },
  };
  registry.registerMetric(metric as unknown as Metric);
}

function withLabelNames({ name, help, labelNames = [] }: MetricDefinition) {
  return { name, help, labelNames: [...labelNames] };
}

function toValues(name: string, bounds: readonly number[], { labels = {}, counts, sum }: HistogramSample) {
  let total = 0;
  const buckets = [...bounds, Number.POSITIVE_INFINITY].map((bound, i) => {
    total += counts[i] ?? 0;
    const le = bound === Number.POSITIVE_INFINITY ? "+Inf" : String(bound);
    return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: total };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: total },
  ];
}
