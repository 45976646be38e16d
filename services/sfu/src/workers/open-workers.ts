import { Worker } from "node:worker_threads";
import type { EventBus } from "@cation/cluster/events/event-bus";
import { EventBusLinkDefinition } from "@cation/cluster/events/event-bus-link";
import { serveEventBus } from "@cation/cluster/events/serve-event-bus";
import type { MessagePortServer } from "@cation/cluster/rpc/message-port-server";
import { IslbServiceDefinition } from "@cation/proto/islb/v1/islb";
import type { IslbService } from "@cation/proto/islb/v1/islb";
import type { NodeCapacity } from "@cation/proto/state/v1/state";
import type { Clock } from "@cation/service-kit/clock";
import type { Logger, LogLevel } from "@cation/service-kit/logger";
import type { ConnectRelay } from "../relay/relay-link-client.ts";
import type { SfuConfig } from "../sfu-config.ts";
import { SfuWorker } from "../sfu-worker.ts";
import { portOf } from "../thread-plan.ts";
import type { ThreadPlan } from "../thread-plan.ts";
import type { WorkerGroup } from "../worker-group.ts";
import { InlineWorker } from "./inline-worker.ts";
import { dialRelay } from "./route-relay.ts";
import { ThreadedWorker } from "./threaded-worker.ts";
import type { StartThread } from "./threaded-worker.ts";
import { RelayDialDefinition } from "./worker-control.ts";
import { WorkerPool } from "./worker-pool.ts";

export interface OpenWorkersOptions {
  readonly plan: ThreadPlan;
  readonly nodeId: string;
  readonly config: SfuConfig;
  readonly capacity: NodeCapacity;
  readonly islb: IslbService;
  readonly events: EventBus;
  readonly connectRelay: ConnectRelay;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly startThread?: StartThread;
}

/** Starts a thread that serves a worker. */
export const startWorkerThread: StartThread = (data, transferList) =>
  new Worker(new URL("worker-thread.ts", import.meta.url), {
    name: `worker-${data.index}`,
    workerData: data,
    transferList: [...transferList],
  });

/** Opens the workers of an sfu. Rejects with CONFIG_INVALID where a port cannot be bound or a backend cannot be had. */
export async function openWorkers(options: OpenWorkersOptions): Promise<WorkerGroup> {
  const { plan, config, capacity, clock } = options;
  if (plan.workers > 1) return openPool(options);
  const { senderThreads } = plan;
  const worker = await SfuWorker.open({ ...options, mediaPort: config.mediaPort, senderThreads });
  return new InlineWorker(worker, capacity, clock);
}

function openPool(options: OpenWorkersOptions): Promise<WorkerGroup> {
  const { plan, nodeId, config, logger, startThread = startWorkerThread } = options;
  return WorkerPool.open({
    ...options,
    workers: plan.workers,
    launch: (index, onExit) =>
      new ThreadedWorker({
        startThread,
        data: {
          index,
          nodeId,
          config,
          mediaPort: portOf(config.mediaPort, index),
          senderThreads: plan.senderThreads,
          logLevel: logger.level as LogLevel,
        },
        serveUpstream: (server) => serveUpstream(server, options),
        onExit,
      }),
  });
}

/** What there is once a process: islb, the event bus, and the connections to other nodes. */
function serveUpstream(server: MessagePortServer, { islb, events, connectRelay, clock }: OpenWorkersOptions): void {
  server.add(IslbServiceDefinition, islb);
  server.serveDuplex(EventBusLinkDefinition, "connect", serveEventBus(events));
  server.serveDuplex(RelayDialDefinition, "dial", (duplex) => dialRelay(duplex, connectRelay, clock));
}
