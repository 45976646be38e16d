import { collectDefaultMetrics, Registry } from "prom-client";

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
