import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { NatsEventBus } from "@cation/cluster/events/nats-event-bus";
import { grpcClient, openDuplex } from "@cation/cluster/rpc/grpc-client";
import { GrpcServer } from "@cation/cluster/rpc/grpc-server";
import type { GrpcTls } from "@cation/cluster/rpc/grpc-options";
import { IslbServiceDefinition } from "@cation/proto/islb/v1/islb";
import type { IslbService } from "@cation/proto/islb/v1/islb";
import { RelayServiceDefinition } from "@cation/proto/relay/v1/relay";
import { SfuServiceDefinition } from "@cation/proto/sfu/v1/sfu";
import { createAdminServer } from "@cation/service-kit/admin-server";
import { systemClock } from "@cation/service-kit/clock";
import { CodedError } from "@cation/service-kit/coded-error";
import { createLogger } from "@cation/service-kit/logger";
import type { Logger } from "@cation/service-kit/logger";
import { createProcessRegistry } from "@cation/service-kit/metrics";
import { openTracer } from "@cation/service-kit/open-tracer";
import { runService } from "@cation/service-kit/service";
import type { Service } from "@cation/service-kit/service";
import { createSfu } from "./create-sfu.ts";
import { loadSfuConfig } from "./sfu-config.ts";
import type { SfuConfig } from "./sfu-config.ts";

const CLOSE_TIMEOUT_MS = 5_000;

function readGrpcTls({ grpcCaFile, grpcCertFile, grpcKeyFile }: SfuConfig): { tls?: GrpcTls } {
  if (grpcCaFile === undefined || grpcCertFile === undefined || grpcKeyFile === undefined) return {};
  return { tls: { ca: readFileSync(grpcCaFile), cert: readFileSync(grpcCertFile), key: readFileSync(grpcKeyFile) } };
}

/** Where others reach the gRPC server, unless the configuration says it: bound to one address, that; else this host. */
function guessGrpcHost({ grpcHost, mode }: SfuConfig): string {
  if (grpcHost !== "0.0.0.0" && grpcHost !== "::") return grpcHost.includes(":") ? `[${grpcHost}]` : grpcHost;
  return mode === "development" ? "127.0.0.1" : hostname();
}

/** Says once that NATS is lost, however many attempts fail, and once that it is back. Silent while the node stops. */
function createConnectionLog(logger: Logger, isClosing: () => boolean) {
  let was: boolean | undefined;
  return (connected: boolean, error?: unknown): void => {
    if (connected === was || isClosing()) return;
    was = connected;
    if (connected) logger.info("NATS is reached");
    else logger.warn({ err: error }, "NATS is away, rooms are read from islb instead");
  };
}

async function main(): Promise<void> {
  const config = loadSfuConfig(process.env);
  const logger = createLogger({ service: "sfu", level: config.logLevel, format: config.logFormat });
  const { traceEndpoint: endpoint, traceSampleRatio: sampleRatio } = config;
  const tracer = await openTracer({ service: "sfu", endpoint, sampleRatio });
  const grpc = readGrpcTls(config);
  const islb = grpcClient<IslbService>(IslbServiceDefinition, config.islbAddresses.join(","), grpc);
  let closing = false;
  const events = new NatsEventBus({
    urls: config.natsUrls,
    name: "sfu",
    tracer,
    clock: systemClock,
    onConnection: createConnectionLog(logger, () => closing),
  });
  let grpcAddress = "";
  const sfu = await createSfu({
    config,
    islb,
    events,
    relayClient: (address) => openDuplex(RelayServiceDefinition, "link", address, grpc),
    readGrpcAddress: () => grpcAddress,
    clock: systemClock,
    logger,
  });
  const server = new GrpcServer({
    ...grpc,
    tracer,
    onInternalError: (err, method) => logger.error({ err, method }, "call failed"),
  });
  server.add(SfuServiceDefinition, sfu.service);
  server.serveDuplex(RelayServiceDefinition, "link", sfu.serveRelay);
  const admin = createAdminServer({
    service: "sfu",
    host: config.adminHost,
    port: config.adminPort,
    readiness: { sfu: sfu.findUnreadiness },
    drain: { begin: () => sfu.drain(), read: () => sfu.drainState },
    registries: [sfu.registry, createProcessRegistry()],
    info: () => ({
      nodeId: sfu.nodeId,
      mediaBackend: sfu.mediaBackend,
      mediaPort: sfu.mediaPort,
      workers: sfu.workers.map(({ facts, running, restarts }) => ({ ...facts, running, restarts })),
    }),
    logger,
  });
  const service: Service = {
    async start() {
      const port = await server.listen(config.grpcHost, config.grpcPort);
      grpcAddress = config.advertisedGrpcAddress ?? `${guessGrpcHost(config)}:${port}`;
      logger.info({ host: config.grpcHost, port, grpcAddress }, "gRPC listens");
      await admin.start();
      await sfu.start();
    },
    drain: () => sfu.drain(),
    async close() {
      closing = true;
      await sfu.close();
      await Promise.all([server.close(), admin.close(), events.close()]);
      islb.close();
      await tracer?.close();
    },
  };
  const { drainTimeoutMs } = config;
  await runService({ service, logger, clock: systemClock, process, drainTimeoutMs, closeTimeoutMs: CLOSE_TIMEOUT_MS });
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${error instanceof CodedError ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
