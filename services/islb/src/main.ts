import { randomFillSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { NatsEventBus } from "@cation/cluster/events/nats-event-bus";
import { grpcClient } from "@cation/cluster/rpc/grpc-client";
import type { GrpcTls } from "@cation/cluster/rpc/grpc-options";
import { GrpcServer } from "@cation/cluster/rpc/grpc-server";
import { RedisConnection } from "@cation/cluster/store/redis-connection";
import { RedisNodeRegistry } from "@cation/cluster/store/redis-node-registry";
import { RedisRoomStore } from "@cation/cluster/store/redis-room-store";
import { IslbServiceDefinition } from "@cation/proto/islb/v1/islb";
import { SfuServiceDefinition } from "@cation/proto/sfu/v1/sfu";
import type { SfuService } from "@cation/proto/sfu/v1/sfu";
import { createAdminServer } from "@cation/service-kit/admin-server";
import { systemClock } from "@cation/service-kit/clock";
import { CodedError } from "@cation/service-kit/coded-error";
import { createLogger } from "@cation/service-kit/logger";
import type { Logger } from "@cation/service-kit/logger";
import { createProcessRegistry } from "@cation/service-kit/metrics";
import { openTracer } from "@cation/service-kit/open-tracer";
import { runService } from "@cation/service-kit/service";
import type { Service } from "@cation/service-kit/service";
import { createIslb } from "./create-islb.ts";
import { loadIslbConfig } from "./islb-config.ts";
import type { IslbConfig } from "./islb-config.ts";
import type { NodeProbe } from "./node-vitals.ts";

const CLOSE_TIMEOUT_MS = 5_000;
const START_PATIENCE_MS = 2_000;
const PROBE_DEADLINE_MS = 1_000;

/** Reads the files of a key, a certificate and an authority; undefined where none is named. */
function readPem(caFile?: string, certFile?: string, keyFile?: string) {
  const read = (path: string | undefined): string | undefined => path && readFileSync(path, "utf8");
  const [ca, cert, key] = [read(caFile), read(certFile), read(keyFile)];
  if (ca === undefined && cert === undefined) return undefined;
  return { ...(ca !== undefined && { ca }), ...(cert !== undefined && { cert }), ...(key !== undefined && { key }) };
}

function readGrpcTls({ grpcCaFile, grpcCertFile, grpcKeyFile }: IslbConfig): { tls?: GrpcTls } {
  if (grpcCaFile === undefined || grpcCertFile === undefined || grpcKeyFile === undefined) return {};
  return { tls: { ca: readFileSync(grpcCaFile), cert: readFileSync(grpcCertFile), key: readFileSync(grpcKeyFile) } };
}

/** Says once that something is lost, however many attempts fail, and once that it is back. */
function createConnectionLog(logger: Logger, what: string): (connected: boolean, error?: unknown) => void {
  let was: boolean | undefined;
  return (connected, error) => {
    if (connected === was) return;
    was = connected;
    if (connected) logger.info(`${what} is reached`);
    else logger.warn({ err: error }, `${what} is away`);
  };
}

/** Uniform in 0 … 1, from the system's generator: participant ids must not repeat in any process. */
function systemRandom(): number {
  const word = randomFillSync(new Uint32Array(1))[0] ?? 0;
  return word / 2 ** 32;
}

/** Any answer of the node's will do. */
function createProbe(grpc: { tls?: GrpcTls }): NodeProbe {
  return async ({ grpcAddress }) => {
    const sfu = grpcClient<SfuService>(SfuServiceDefinition, grpcAddress, { ...grpc, deadlineMs: PROBE_DEADLINE_MS });
    try {
      await sfu.inspect({ roomId: "-" });
      return true;
    } finally {
      sfu.close();
    }
  };
}

async function main(): Promise<void> {
  const config = loadIslbConfig(process.env);
  const logger = createLogger({ service: "islb", level: config.logLevel, format: config.logFormat });
  const { traceEndpoint: endpoint, traceSampleRatio: sampleRatio } = config;
  const tracer = await openTracer({ service: "islb", endpoint, sampleRatio });
  const grpc = readGrpcTls(config);
  const redisTls = readPem(config.redisCaFile, config.redisCertFile, config.redisKeyFile);
  const redis = new RedisConnection({
    url: config.redisUrl,
    ...(redisTls && { tls: redisTls }),
    clock: systemClock,
    onConnection: createConnectionLog(logger, "Redis"),
  });
  const natsTls = readPem(config.natsCaFile, config.natsCertFile, config.natsKeyFile);
  const events = new NatsEventBus({
    urls: config.natsUrls,
    name: "islb",
    tracer,
    ...(natsTls && { tls: natsTls }),
    clock: systemClock,
    onConnection: createConnectionLog(logger, "NATS"),
  });
  const keyPrefix = config.redisKeyPrefix;
  const islb = createIslb({
    config,
    store: new RedisRoomStore(redis, { keyPrefix }),
    registry: new RedisNodeRegistry(redis, { keyPrefix }),
    events,
    clock: systemClock,
    random: systemRandom,
    logger,
    probe: createProbe(grpc),
  });
  const server = new GrpcServer({
    tracer,
    ...grpc,
    onInternalError: (err, method) => logger.error({ err, method }, "call failed"),
  });
  server.add(IslbServiceDefinition, islb.service);
  const admin = createAdminServer({
    service: "islb",
    host: config.adminHost,
    port: config.adminPort,
    readiness: { store: islb.findUnreadiness },
    registries: [islb.metrics, createProcessRegistry()],
    logger,
  });
  const service: Service = {
    async start() {
      const port = await server.listen(config.grpcHost, config.grpcPort);
      logger.info({ host: config.grpcHost, port }, "gRPC listens");
      await admin.start();
      // Without it islb would find Redis a second later; with Redis away it serves errors until Redis is back.
      await redis.waitUntilConnected(START_PATIENCE_MS).catch(() => {});
      await islb.start();
    },
    async drain() {
      await islb.drain();
      await server.drain();
    },
    async close() {
      await islb.close();
      await Promise.all([server.close(), admin.close(), events.close()]);
      await redis.close();
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
