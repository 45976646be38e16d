/**
 * Child process: an sfu, and nothing else. Its islb and its events are in the parent. Tells, for the time since it was
 * asked last, the CPU it used and how long forwarded packets stayed.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { EventBusLinkDefinition } from "@cation/cluster/events/event-bus-link";
import { RemoteEventBus } from "@cation/cluster/events/remote-event-bus";
import { grpcClient, openDuplex } from "@cation/cluster/rpc/grpc-client";
import { GrpcServer } from "@cation/cluster/rpc/grpc-server";
import type { MediaIoBackend } from "@cation/media-io/open-media-io";
import { IslbServiceDefinition, type IslbService } from "@cation/proto/islb/v1/islb";
import { SfuServiceDefinition } from "@cation/proto/sfu/v1/sfu";
import { systemClock } from "@cation/service-kit/clock";
import { CodedError } from "@cation/service-kit/coded-error";
import { createLogger } from "@cation/service-kit/logger";
import { loadSfuConfig } from "@cation/sfu/sfu-config";
import { SfuWorker } from "@cation/sfu/sfu-worker";
import type { DtlsBackend } from "@cation/webrtc/open-dtls";
import { readChildOptions, serveParent } from "./bench-child.ts";
import { openMeasuredMediaIo, type MeasuredMediaIo } from "./measured-media-io.ts";

export interface JoinsServerOptions {
  readonly backend: MediaIoBackend;
  readonly dtlsBackend: DtlsBackend;
  /** host:port of the parent's islb. */
  readonly parent: string;
}

export interface JoinsServerReady {
  /** host:port of its control. */
  readonly address: string;
  readonly backend: string;
  readonly dtlsBackend: string;
}

export interface JoinsServerUse {
  readonly cpuUs: number;
  readonly elapsedMs: number;
  readonly handshakes: number;
  readonly handshakeFailures: number;
  readonly forwarded: number;
  readonly delayP50Us: number;
  readonly delayP99Us: number;
}

export interface JoinsServerMemory {
  /** Heap and array buffers in use. */
  readonly usedBytes: number;
  readonly residentBytes: number;
}

const { backend, dtlsBackend, parent } = readChildOptions<JoinsServerOptions>();
let io: MeasuredMediaIo | undefined;
const islb = grpcClient<IslbService>(IslbServiceDefinition, parent);
const worker = await SfuWorker.open({
  nodeId: "bench",
  config: loadSfuConfig({
    CATION_SFU_MODE: "development",
    CATION_SFU_MEDIA_HOST: "127.0.0.1",
    CATION_SFU_MEDIA_BACKEND: backend,
    CATION_SFU_DTLS_BACKEND: dtlsBackend,
  }),
  mediaPort: 0,
  senderThreads: 0,
  islb,
  events: new RemoteEventBus({ open: () => openDuplex(EventBusLinkDefinition, "connect", parent), clock: systemClock }),
  connectRelay: () => Promise.reject(new CodedError("NODE_NOT_FOUND")),
  clock: systemClock,
  logger: createLogger({ service: "sfu", level: "silent" }),
  openMedia: async (how) => {
    const opened = await openMeasuredMediaIo(how);
    io = opened.io;
    return opened;
  },
});
worker.start();
const server = new GrpcServer();
server.add(SfuServiceDefinition, worker.service);
const port = await server.listen("127.0.0.1", 0);

let since = { cpu: process.cpuUsage(), atMs: performance.now(), totals: worker.report().stats.totals };

function use(): JoinsServerUse {
  const cpu = process.cpuUsage(since.cpu);
  const { totals } = worker.report().stats;
  const used = {
    cpuUs: cpu.user + cpu.system,
    elapsedMs: performance.now() - since.atMs,
    handshakes: totals.dtlsHandshakes - since.totals.dtlsHandshakes,
    handshakeFailures: totals.dtlsFailures - since.totals.dtlsFailures,
    forwarded: totals.forwardedPackets - since.totals.forwardedPackets,
    delayP50Us: io!.delays.quantileUs(0.5),
    delayP99Us: io!.delays.quantileUs(0.99),
  };
  io!.delays.clear();
  since = { cpu: process.cpuUsage(), atMs: performance.now(), totals };
  return used;
}

/** After a collection, and after what that has let go of is gone. */
async function memory(): Promise<JoinsServerMemory> {
  setFlagsFromString("--expose-gc");
  const collectGarbage = runInNewContext("gc") as () => void;
  for (let i = 0; i < 3; i++) {
    collectGarbage();
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const { heapUsed, external, rss } = process.memoryUsage();
  return { usedBytes: heapUsed + external, residentBytes: rss };
}

const { facts } = worker;
const ready: JoinsServerReady = {
  address: `127.0.0.1:${port}`,
  backend: facts.mediaBackend,
  dtlsBackend: facts.dtlsBackend,
};
serveParent<{ kind?: "memory" }>(
  ready,
  ({ kind }) => (kind === "memory" ? memory() : use()),
  async () => {
    await Promise.all([worker.close(), server.close()]);
    islb.close();
  },
);
