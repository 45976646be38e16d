import { readFileSync } from "node:fs";
import { grpcClient } from "@cation/cluster/rpc/grpc-client";
import type { GrpcTls } from "@cation/cluster/rpc/grpc-options";
import { IslbServiceDefinition } from "@cation/proto/islb/v1/islb";
import type { IslbService } from "@cation/proto/islb/v1/islb";
import { systemClock } from "@cation/service-kit/clock";
import { CodedError } from "@cation/service-kit/coded-error";
import { createLogger } from "@cation/service-kit/logger";
import { createProcessRegistry } from "@cation/service-kit/metrics";
import { openTracer } from "@cation/service-kit/open-tracer";
import { runService } from "@cation/service-kit/service";
import type { Service } from "@cation/service-kit/service";
import { createSignal } from "./create-signal.ts";
import { SfuClients } from "./sfu-clients.ts";
import { loadSignalConfig } from "./signal-config.ts";
import type { SignalConfig } from "./signal-config.ts";

const CLOSE_TIMEOUT_MS = 5000;
/** A node that vanished without a word is noticed within this, long before TCP would. */
const SFU_KEEPALIVE = { keepaliveIntervalMs: 700, keepaliveTimeoutMs: 1_000 } as const;

function readGrpcTls({ grpcCaFile, grpcCertFile, grpcKeyFile }: SignalConfig): { tls?: GrpcTls } {
  if (grpcCaFile === undefined || grpcCertFile === undefined || grpcKeyFile === undefined) return {};
  return { tls: { ca: readFileSync(grpcCaFile), cert: readFileSync(grpcCertFile), key: readFileSync(grpcKeyFile) } };
}

function readHttpTls({ tlsCertFile, tlsKeyFile }: SignalConfig): { tls?: { key: string; cert: string } } {
  if (tlsCertFile === undefined || tlsKeyFile === undefined) return {};
  return { tls: { cert: readFileSync(tlsCertFile, "utf8"), key: readFileSync(tlsKeyFile, "utf8") } };
}

async function main(): Promise<void> {
  const config = loadSignalConfig(process.env);
  const { logLevel: level, logFormat: format } = config;
  const logger = createLogger({ service: "signal", level, format, colors: process.stdout.isTTY });
  const { traceEndpoint: endpoint, traceSampleRatio: sampleRatio } = config;
  const tracer = await openTracer({ service: "signal", endpoint, sampleRatio });
  const grpc = readGrpcTls(config);
  const islb = grpcClient<IslbService>(IslbServiceDefinition, config.islbAddresses.join(","), grpc);
  const sfus = new SfuClients(systemClock, { ...grpc, ...SFU_KEEPALIVE });
  const signal = createSignal({
    config,
    islb,
    sfuFor: (address) => sfus.for(address),
    clock: systemClock,
    random: Math.random,
    logger,
    tracer,
    registries: [createProcessRegistry()],
    ...readHttpTls(config),
  });
  const service: Service = {
    start: () => signal.start(),
    drain: () => signal.drain(),
    async close() {
      await signal.close();
      sfus.close();
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
