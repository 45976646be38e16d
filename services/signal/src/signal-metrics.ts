import { Counter, Gauge, Histogram } from "prom-client";
import type { Registry } from "prom-client";

/** What signal counts. */
export interface SignalMetrics {
  readonly connections: Gauge;
  /** By request kind and error code ("OK" without error). */
  readonly requests: Counter<"kind" | "code">;
  /** From Join or Resume to Joined. */
  readonly joinDuration: Histogram<"kind">;
  /** By WebSocket close code. */
  readonly closes: Counter<"code">;
  /** Connections refused before they were open. */
  readonly refusals: Counter<"code">;
}

const JOIN_BUCKETS_SECONDS = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10];

export function createSignalMetrics(registry: Registry): SignalMetrics {
  const registers = [registry];
  return {
    connections: new Gauge({ name: "cation_signal_connections", help: "Open WebSockets.", registers }),
    requests: new Counter({
      name: "cation_signal_requests_total",
      help: "Requests of clients that were answered, by kind and error code.",
      labelNames: ["kind", "code"],
      registers,
    }),
    joinDuration: new Histogram({
      name: "cation_signal_join_duration_seconds",
      help: "From Join or Resume to the answer, where it succeeded.",
      labelNames: ["kind"],
      buckets: JOIN_BUCKETS_SECONDS,
      registers,
    }),
    closes: new Counter({
      name: "cation_signal_closes_total",
      help: "WebSockets that ended, by close code.",
      labelNames: ["code"],
      registers,
    }),
    refusals: new Counter({
      name: "cation_signal_refused_connections_total",
      help: "Connections refused before they were open, by error code.",
      labelNames: ["code"],
      registers,
    }),
  };
}
