import type { EventBus } from "@cation/cluster/events/event-bus";
import { addScrapedCounter, addScrapedGauge } from "@cation/service-kit/scraped-metric";
import { Counter, Gauge, Histogram } from "prom-client";
import type { Registry } from "prom-client";

/** What islb counts. */
export interface IslbMetrics {
  /** By method and error code ("OK" without error). */
  readonly calls: Counter<"method" | "code">;
  readonly callDuration: Histogram<"method">;
  /** By kind of change. */
  readonly events: Counter<"change">;
  /** Participants removed because their node did not hold them. */
  readonly ghosts: Counter;
  /** Nodes declared lost. */
  readonly lostNodes: Counter;
  /** Participants put on another node. */
  readonly moves: Counter;
  /** Participants whose records nodes brought back. */
  readonly restored: Counter;
  /** Joins that waited for their room's rate. */
  readonly pacedJoins: Counter;
  readonly nodes: Gauge<"state">;
  /** 1 when the last attempt to reach the store succeeded. */
  readonly storeReachable: Gauge;
}

const BUCKETS_SECONDS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1];

/** @param events whose state is read at each scrape */
export function createIslbMetrics(registry: Registry, events: EventBus): IslbMetrics {
  const registers = [registry];
  addScrapedCounter(
    registry,
    {
      name: "cation_islb_room_events_dropped_total",
      help: "Changes of rooms that could not be published; nodes find them by their reports.",
    },
    () => [{ value: events.stats.publishesDropped }],
  );
  const connected = { name: "cation_islb_events_connected", help: "1 while the event bus (NATS) is reached." };
  addScrapedGauge(registry, connected, () => [{ value: Number(events.connected) }]);
  return {
    calls: new Counter({
      name: "cation_islb_calls_total",
      help: "Calls that were answered, by method and error code.",
      labelNames: ["method", "code"],
      registers,
    }),
    callDuration: new Histogram({
      name: "cation_islb_call_duration_seconds",
      help: "Time to answer a call, by method.",
      labelNames: ["method"],
      buckets: BUCKETS_SECONDS,
      registers,
    }),
    events: new Counter({
      name: "cation_islb_room_events_total",
      help: "Changes of rooms that were published, by kind.",
      labelNames: ["change"],
      registers,
    }),
    ghosts: new Counter({
      name: "cation_islb_ghosts_removed_total",
      help: "Participants removed because the node that they were on did not hold them.",
      registers,
    }),
    lostNodes: new Counter({
      name: "cation_islb_nodes_lost_total",
      help: "Nodes declared lost, whose participants were moved or removed.",
      registers,
    }),
    moves: new Counter({
      name: "cation_islb_moves_total",
      help: "Participants put on another node.",
      registers,
    }),
    restored: new Counter({
      name: "cation_islb_restored_participants_total",
      help: "Participants whose records the store had lost and nodes brought back.",
      registers,
    }),
    pacedJoins: new Counter({
      name: "cation_islb_joins_paced_total",
      help: "Joins that had to wait for their room's join rate.",
      registers,
    }),
    nodes: new Gauge({
      name: "cation_islb_nodes",
      help: "Nodes on record: alive, draining, or silent (without a lease).",
      labelNames: ["state"],
      registers,
    }),
    storeReachable: new Gauge({
      name: "cation_islb_store_reachable",
      help: "1 when the last attempt to reach the store succeeded, else 0.",
      registers,
    }),
  };
}
