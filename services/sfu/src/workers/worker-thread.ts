import { workerData } from "node:worker_threads";
import { EventBusLinkDefinition } from "@cation/cluster/events/event-bus-link";
import { RemoteEventBus } from "@cation/cluster/events/remote-event-bus";
import { MessagePortConnection } from "@cation/cluster/rpc/message-port-client";
import { MessagePortServer } from "@cation/cluster/rpc/message-port-server";
import { IslbServiceDefinition } from "@cation/proto/islb/v1/islb";
import type { IslbService } from "@cation/proto/islb/v1/islb";
import { RelayServiceDefinition } from "@cation/proto/relay/v1/relay";
import { SfuServiceDefinition } from "@cation/proto/sfu/v1/sfu";
import { systemClock } from "@cation/service-kit/clock";
import type { Tracer } from "@cation/service-kit/span";
import { createLogger } from "@cation/service-kit/logger";
import { openTracer } from "@cation/service-kit/open-tracer";
import { SfuWorker } from "../sfu-worker.ts";
import { RelayDialDefinition, WorkerControlDefinition } from "./worker-control.ts";
import type { WorkerControl, WorkerThreadData } from "./worker-control.ts";

/** Longer than the main thread waits for islb itself: its answer says more. */
const UPSTREAM_DEADLINE_MS = 10_000;

/** The thread of one worker: an SfuWorker whose islb, events and relay links are the main thread's. */
async function main(data: WorkerThreadData): Promise<void> {
  const { calls, upstream, index, config, logLevel, ...place } = data;
  const connection = new MessagePortConnection(upstream, {
    deadlineMs: UPSTREAM_DEADLINE_MS,
    unavailableCode: "ISLB_UNAVAILABLE",
  });
  const logger = createLogger({
    service: "sfu",
    level: logLevel,
    format: config.logFormat,
    bindings: { worker: index },
  });
  const options = {
    ...place,
    config,
    islb: connection.client<IslbService>(IslbServiceDefinition),
    events: new RemoteEventBus({
      open: () => connection.openDuplex(EventBusLinkDefinition, "connect"),
      clock: systemClock,
    }),
    connectRelay: (nodeId: string) => {
      const link = connection.openDuplex(RelayDialDefinition, "dial");
      link.write({ nodeId });
      return Promise.resolve(link);
    },
    clock: systemClock,
    logger,
  };
  try {
    const { traceEndpoint: endpoint, traceSampleRatio: sampleRatio } = config;
    const tracer = await openTracer({ service: "sfu", endpoint, sampleRatio, attributes: { "cation.worker": index } });
    const worker = await SfuWorker.open(options);
    const server = new MessagePortServer(calls, {
      tracer,
      onInternalError: (err, method) => logger.error({ err, method }, "call failed"),
    });
    server.add(WorkerControlDefinition, createControl(worker, tracer));
    server.add(SfuServiceDefinition, worker.service);
    server.serveDuplex(RelayServiceDefinition, "link", worker.serveRelay);
  } catch (error) {
    // The main thread ends this one when it has read why.
    const server = new MessagePortServer(calls);
    server.add(WorkerControlDefinition, { open: () => Promise.reject(error as Error) });
  }
}

function createControl(worker: SfuWorker, tracer: Tracer | undefined): WorkerControl {
  return {
    open: () => Promise.resolve(worker.facts),
    start: () => {
      worker.start();
      return Promise.resolve({});
    },
    report: () => Promise.resolve(worker.report()),
    heal: (healing) => {
      worker.heal(healing);
      return Promise.resolve({});
    },
    setDraining: () => {
      worker.setDraining();
      return Promise.resolve({});
    },
    close: async () => {
      await worker.close();
      await tracer?.close();
      return {};
    },
  };
}

await main(workerData as WorkerThreadData);
