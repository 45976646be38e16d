import { CodedError } from "@cation/service-kit/coded-error";
import { loadConfig, toEnvName } from "@cation/service-kit/config";
import type { ConfigSource } from "@cation/service-kit/config";
import { LOG_LEVELS } from "@cation/service-kit/logger";
import { traceSettings } from "@cation/service-kit/trace-settings";
import { Type } from "typebox";
import type { Static } from "typebox";

/** Prefix of the environment variables: `mediaPort` is CATION_SFU_MEDIA_PORT. */
export const SFU_CONFIG_PREFIX = "CATION_SFU_";

const addressPattern = "^.+:\\d+$";

/** Every setting of sfu. */
export const sfuConfigSchema = Type.Object({
  mode: Type.Enum(["development", "production"], {
    default: "production",
    description: "development: announces loopback unless told otherwise. production: the addresses of the interfaces.",
  }),
  nodeId: Type.Optional(
    Type.String({
      pattern: "^[A-Za-z0-9_.-]{1,64}$",
      description: "Name of the node, unique in the cluster. Default: a new one each start.",
    }),
  ),
  region: Type.String({ maxLength: 64, default: "", description: "Matched against the regions of clients." }),
  grpcHost: Type.String({ minLength: 1, default: "0.0.0.0", description: "Address for control and relays." }),
  grpcPort: Type.Integer({ minimum: 0, maximum: 65535, default: 7200, description: "Port of it." }),
  advertisedGrpcAddress: Type.Optional(
    Type.String({ pattern: addressPattern, description: "host:port at which signal and other nodes reach it." }),
  ),
  mediaHost: Type.String({ minLength: 1, default: "0.0.0.0", description: "Address to bind media to." }),
  mediaPort: Type.Integer({
    minimum: 0,
    maximum: 65535,
    default: 7300,
    description: "UDP and TCP. Each further worker has the next one. 0: whatever is free.",
  }),
  mediaTcp: Type.Boolean({ default: true, description: "Also take media over TCP (passive ICE-TCP)." }),
  mediaBackend: Type.Enum(["auto", "native", "typescript"], {
    default: "auto",
    description: "auto: the native addon where it loads.",
  }),
  dtlsBackend: Type.Enum(["auto", "openssl", "werift"], {
    default: "auto",
    description: "auto: OpenSSL where the native addon loads.",
  }),
  workers: Type.String({
    pattern: "^(auto|[1-9]|[1-5][0-9]|6[0-4])$",
    default: "1",
    description:
      "Threads that decide, each with a port and rooms of its own. 1: the main thread. auto: one for two cores.",
  }),
  senderThreads: Type.String({
    pattern: "^(auto|[0-9]|[1-5][0-9]|6[0-4])$",
    default: "auto",
    description:
      "Native backend: threads of each worker that encrypt and send. auto: a worker's cores but one, at most 4.",
  }),
  mediaSlotCount: Type.Integer({
    minimum: 256,
    maximum: 1_048_576,
    default: 16_384,
    description: "Packets that each worker keeps, of 2 KiB each. Power of two.",
  }),
  mediaSocketBufferBytes: Type.Integer({
    minimum: 65_536,
    maximum: 1_073_741_824,
    default: 4_194_304,
    description: "Wanted SO_RCVBUF and SO_SNDBUF. Where the kernel gives less, a warning names the sysctl.",
  }),
  announcedAddresses: Type.Array(Type.String({ pattern: "^[0-9A-Fa-f:.]+$" }), {
    default: [],
    description: "Numeric addresses at which clients reach the media port, most wanted first.",
  }),
  relayTransport: Type.Enum(["auto", "udp", "grpc", "nats"], {
    default: "auto",
    description:
      "How media travels between nodes. udp: SRTP between the media ports; grpc: the stream that links have anyway; " +
      "nats: one encrypted publication a track, for many nodes (a connection of its own, gRPC while it is away). " +
      "auto: UDP where it passes, else gRPC. In production keys are exchanged over mutual TLS only: without it, gRPC.",
  }),
  relayAddresses: Type.Array(Type.String({ pattern: "^[0-9A-Fa-f:.\\[\\]]+$" }), {
    default: [],
    description:
      "Numeric addresses at which other nodes reach the media port, most wanted first; with a port behind each where " +
      "it is another one there. Default: those of the interfaces, and the announced ones.",
  }),
  islbAddresses: Type.Array(Type.String({ pattern: addressPattern }), {
    default: ["127.0.0.1:7100"],
    minItems: 1,
    description: "host:port of islb; several for several replicas.",
  }),
  natsUrls: Type.Array(Type.String({ minLength: 1 }), {
    default: ["nats://127.0.0.1:4222"],
    minItems: 1,
    secret: true,
    description: "Servers of one NATS cluster.",
  }),
  grpcCaFile: Type.Optional(
    Type.String({ minLength: 1, description: "PEM; with the next two: mutual TLS to and from all services." }),
  ),
  grpcCertFile: Type.Optional(Type.String({ minLength: 1, description: "PEM." })),
  grpcKeyFile: Type.Optional(Type.String({ minLength: 1, description: "PEM." })),
  adminHost: Type.String({ minLength: 1, default: "0.0.0.0", description: "For /healthz, /readyz and /metrics." }),
  adminPort: Type.Integer({ minimum: 0, maximum: 65535, default: 7280, description: "Port of it." }),
  metricsLabels: Type.Enum(["none", "room", "participant"], {
    default: "none",
    description:
      "Adds metrics of single rooms, or of their participants: at most 500 series a worker, largest rooms first.",
  }),
  maxAudioStreams: Type.Integer({
    minimum: 1,
    maximum: 64,
    default: 6,
    description: "Voices that a participant hears at once, the loudest; as many of this node's go to other nodes.",
  }),
  maxParticipants: Type.Integer({ minimum: 1, default: 2_000, description: "Beyond it islb places nobody here." }),
  maxPacketsPerSecond: Type.Integer({ minimum: 1, default: 150_000, description: "Counts as full." }),
  maxEgressBps: Type.Integer({ minimum: 1, default: 1_000_000_000, description: "Counts as full." }),
  drainTimeoutMs: Type.Integer({ minimum: 0, default: 30_000, description: "Then the process stops anyway." }),
  ...traceSettings,
  logLevel: Type.Enum([...LOG_LEVELS], { default: "info" }),
  logFormat: Type.Enum(["json", "pretty"], { default: "json" }),
});

export type SfuConfig = Static<typeof sfuConfigSchema>;

/** Reads and checks the configuration. Throws CONFIG_INVALID. */
export function loadSfuConfig(env: ConfigSource): SfuConfig {
  const config = loadConfig(sfuConfigSchema, env, SFU_CONFIG_PREFIX);
  const problems = findProblems(config);
  if (problems.length > 0) throw new CodedError("CONFIG_INVALID", problems.join("\n"));
  return config;
}

/** What no single key can tell. */
function findProblems(config: SfuConfig): string[] {
  const problems: string[] = [];
  const { mediaSlotCount } = config;
  if ((mediaSlotCount & (mediaSlotCount - 1)) !== 0) {
    problems.push(`${nameOf("mediaSlotCount")} is ${mediaSlotCount}: must be a power of two`);
  }
  const tlsKeys = ["grpcCaFile", "grpcCertFile", "grpcKeyFile"] as const;
  const missing = tlsKeys.filter((key) => config[key] === undefined);
  if (missing.length > 0 && missing.length < tlsKeys.length) {
    for (const key of missing) problems.push(`${nameOf(key)} is not set, though its companions are`);
  }
  return problems;
}

function nameOf(key: keyof SfuConfig): string {
  return SFU_CONFIG_PREFIX + toEnvName(key);
}
