import type { EventBus } from "@cation/cluster/events/event-bus";
import type { NodeRegistry } from "@cation/cluster/store/node-registry";
import type { RoomStore } from "@cation/cluster/store/room-store";
import type { IslbService } from "@cation/proto/islb/v1/islb";
import type { ReadinessCheck } from "@cation/service-kit/admin-server";
import type { Clock } from "@cation/service-kit/clock";
import type { Logger } from "@cation/service-kit/logger";
import { createMetricsRegistry } from "@cation/service-kit/metrics";
import type { Service } from "@cation/service-kit/service";
import type { Registry } from "prom-client";
import { EventAnnouncer } from "./event-announcer.ts";
import type { IslbSettings } from "./islb-config.ts";
import type { IslbContext } from "./islb-context.ts";
import { createIslbMetrics } from "./islb-metrics.ts";
import { IslbServiceImplementation } from "./islb-service.ts";
import { JoinPacer } from "./join-pacer.ts";
import { NodeReports } from "./node-reports.ts";
import { NodeSweeper } from "./node-sweeper.ts";
import { NodeVitals } from "./node-vitals.ts";
import type { NodeProbe } from "./node-vitals.ts";
import { RelayPlans } from "./relay-plan/relay-plans.ts";
import { StoreCalm } from "./store-calm.ts";

export interface IslbDeps {
  readonly config: IslbSettings;
  /** Stays the caller's, as do the next two: closing islb does not close them. */
  readonly store: RoomStore;
  readonly registry: NodeRegistry;
  readonly events: EventBus;
  readonly clock: Clock;
  /** Uniform in 0 … 1. */
  readonly random: () => number;
  readonly logger: Logger;
  /** Asks a silent node whether it lives, before its participants are removed. Without it, silence is enough. */
  readonly probe?: NodeProbe;
}

export interface Islb extends Service {
  /** What others call. Works from the beginning; lost nodes are looked for after `start`. */
  readonly service: IslbService;
  /** Metrics of this islb. */
  readonly metrics: Registry;
  /** Why it should get no calls, or undefined: for /readyz. */
  readonly findUnreadiness: ReadinessCheck;
}

/** Makes an islb: stateless but for what saves work, so that any number of them may run on one store. */
export function createIslb(deps: IslbDeps): Islb {
  const metrics = createMetricsRegistry("islb");
  const relayPlans = new RelayPlans();
  const announcer = new EventAnnouncer(deps.events, deps.clock);
  const ownMetrics = createIslbMetrics(metrics, deps.events);
  const context: IslbContext = {
    ...deps,
    relayPlans,
    announcer,
    settings: deps.config,
    metrics: ownMetrics,
    calm: new StoreCalm(deps.clock),
    pacer: new JoinPacer({
      clock: deps.clock,
      joinsPerSecond: deps.config.joinsPerSecondPerRoom,
      maxWaitMs: deps.config.joinQueueMs,
      onWait: () => ownMetrics.pacedJoins.inc(),
    }),
  };
  relayPlans.serve(context);
  const vitals = new NodeVitals(context, deps.probe);
  const reports = new NodeReports(context);
  const sweeper = new NodeSweeper({
    context,
    vitals,
    onRemoved: (nodeId) => {
      vitals.forget(nodeId);
      reports.forget(nodeId);
    },
  });
  return {
    service: new IslbServiceImplementation({ context, vitals, reports, sweeper }),
    metrics,
    findUnreadiness: () => (context.calm.reachable ? undefined : "the store cannot be reached"),
    start: () => sweeper.start(),
    drain: () => Promise.resolve(),
    close: async () => {
      relayPlans.close();
      announcer.close();
      await sweeper.stop();
    },
  };
}
