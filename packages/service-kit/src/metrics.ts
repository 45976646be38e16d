import { collectDefaultMetrics, Registry } from "prom-client";
import type { Metric, MetricObjectWithValues, MetricValue } from "prom-client";

/**
 * Makes the registry of one service. There is no global one: pass it to the constructors of prom-client
 * (`new Counter({ ..., registers: [registry] })`), so that several services can live in one process.
 *
 * Names follow Prometheus' rules: `cation_<service>_<what>_<unit>[_total]`.
 */
export function createMetricsRegistry(service: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  return registry;
}

/** Metrics of the process itself (CPU, memory, event loop, garbage collection). Once a process, so not per service. */
export function createProcessRegistry(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
}

/**
 * One registry to print, out of several that live in one process. Metrics of the same name become one, told apart by
 * their `service` label (Registry.merge of prom-client refuses them).
 */
export async function mergeRegistries(registries: readonly Registry[]): Promise<Registry> {
  const byName = new Map<string, MetricObjectWithValues<MetricValue<string>>>();
  for (const registry of registries) {
    for (const metric of await registry.getMetricsAsJSON()) {
      const same = byName.get(metric.name);
      byName.set(metric.name, same ? { ...same, values: [...same.values, ...metric.values] } : metric);
    }
  }
  const merged = new Registry();
  for (const metric of byName.values()) {
    merged.registerMetric({ ...metric, get: () => metric } as unknown as Metric);
  }
  return merged;
}
