import { CodedError } from "@cation/service-kit/coded-error";
import { loadConfig, toEnvName } from "@cation/service-kit/config";
import type { ConfigSource } from "@cation/service-kit/config";
import { LOG_LEVELS } from "@cation/service-kit/logger";
import { traceSettings } from "@cation/service-kit/trace-settings";
import { Type } from "typebox";
import type { Static } from "typebox";
import { PLACEMENT_NAMES } from "./placement/strategies.ts";

/** Prefix of the environment variables: `redisUrl` is CATION_ISLB_REDIS_URL. */
export const ISLB_CONFIG_PREFIX = "CATION_ISLB_";

/** What decides, whatever the mode. */
const decisions = {
  placement: Type.Enum([...PLACEMENT_NAMES], {
    default: "affinity",
    description:
      "affinity: fill the nodes that a room is on, then the least loaded. spread: over as many nodes as there are. " +
      "region: the least loaded near the client, whatever the room. pinned: the node that the client asks for (tests).",
  }),
  roomShare: Type.Number({
    minimum: 0.01,
    maximum: 1,
    default: 0.5,
    description: "Part of a node's participants that one room may take before placement goes to another node.",
  }),
  affinityMaxStress: Type.Number({
    minimum: 0.01,
    maximum: 1,
    default: 0.7,
    description: "A node more loaded gets no more participants for the sake of the room's being there.",
  }),
  maxStress: Type.Number({
    minimum: 0.01,
    maximum: 1,
    default: 0.95,
    description: "A node more loaded gets no participants at all.",
  }),
  reservationMs: Type.Integer({
    minimum: 0,
    maximum: 60_000,
    default: 3_000,
    description: "How long a placed participant counts before the node's reports show it.",
  }),
  relayFanOut: Type.Integer({
    minimum: 2,
    maximum: 64,
    default: 8,
    description: "Nodes that one node may feed in a room's relay trees.",
  }),
  leaseMs: Type.Integer({
    minimum: 500,
    maximum: 3_000,
    default: 2_000,
    description:
      "A node that does not report for so long gets no new work, and is lost when it cannot be reached either. Nodes " +
      "report four times within it.",
  }),
  nodeLossGraceMs: Type.Integer({
    minimum: 0,
    default: 2_000,
    description: "After the store was away, no node is declared lost for a lease and this.",
  }),
  moveGraceMs: Type.Integer({
    minimum: 0,
    default: 15_000,
    description: "Participants of a lost node that have not come to another one after this are removed.",
  }),
  joinsPerSecondPerRoom: Type.Number({
    minimum: 0.1,
    default: 50,
    description: "Joins into one room, for each islb process; those above it wait for their turn.",
  }),
  joinQueueMs: Type.Integer({
    minimum: 0,
    maximum: 4_500,
    default: 4_000,
    description: "Longest that a join waits for its turn; then RATE_LIMITED.",
  }),
  joinGraceMs: Type.Integer({
    minimum: 0,
    default: 15_000,
    description: "Time in which a participant must reach its node before it is removed as a ghost.",
  }),
  reconcileIntervalMs: Type.Integer({
    minimum: 0,
    default: 5_000,
    description: "How often what a node holds of a room is compared with what is stored, when nothing changed.",
  }),
  sweepIntervalMs: Type.Integer({
    minimum: 100,
    default: 1_000,
    description: "How often lost nodes are looked for.",
  }),
};

/** Settings of the service itself. */
export const islbSettingsSchema = Type.Object(decisions);
export type IslbSettings = Static<typeof islbSettingsSchema>;

/** Every setting of the islb process. */
export const islbConfigSchema = Type.Object({
  grpcHost: Type.String({ minLength: 1, default: "0.0.0.0", description: "Address to serve gRPC on." }),
  grpcPort: Type.Integer({ minimum: 0, maximum: 65_535, default: 7100, description: "Port of it." }),
  adminHost: Type.String({ minLength: 1, default: "0.0.0.0", description: "For /healthz, /readyz and /metrics." }),
  adminPort: Type.Integer({ minimum: 0, maximum: 65_535, default: 7180, description: "Port of it." }),
  redisUrl: Type.String({
    minLength: 1,
    default: "redis://127.0.0.1:6379",
    secret: true,
    description:
      "redis://[user:password@]host[:port][/database], redis-sentinel://host,host/primary-name[/database] or " +
      "redis-cluster://host,host; rediss for TLS.",
  }),
  redisKeyPrefix: Type.String({
    default: "cation:",
    description: "Before every key, so that clusters can share a Redis.",
  }),
  redisCaFile: Type.Optional(Type.String({ minLength: 1, description: "PEM: who signed Redis' certificate." })),
  redisCertFile: Type.Optional(Type.String({ minLength: 1, description: "PEM: our certificate, where Redis asks." })),
  redisKeyFile: Type.Optional(Type.String({ minLength: 1, description: "PEM." })),
  natsUrls: Type.Array(Type.String({ minLength: 1 }), {
    default: ["nats://127.0.0.1:4222"],
    minItems: 1,
    secret: true,
    description: "Servers of one NATS cluster.",
  }),
  natsCaFile: Type.Optional(Type.String({ minLength: 1, description: "PEM: who signed NATS' certificate." })),
  natsCertFile: Type.Optional(Type.String({ minLength: 1, description: "PEM: our certificate, where NATS asks." })),
  natsKeyFile: Type.Optional(Type.String({ minLength: 1, description: "PEM." })),
  grpcCaFile: Type.Optional(
    Type.String({ minLength: 1, description: "PEM; with the next two: mutual TLS to and from all services." }),
  ),
  grpcCertFile: Type.Optional(Type.String({ minLength: 1, description: "PEM." })),
  grpcKeyFile: Type.Optional(Type.String({ minLength: 1, description: "PEM." })),
  drainTimeoutMs: Type.Integer({ minimum: 0, default: 5_000, description: "Then the process stops anyway." }),
  ...traceSettings,
  logLevel: Type.Enum([...LOG_LEVELS], { default: "info" }),
  logFormat: Type.Enum(["json", "pretty"], { default: "json" }),
  ...decisions,
});
export type IslbConfig = Static<typeof islbConfigSchema>;

/** The settings of an islb that is not told anything, for embedded mode and tests. */
export function defaultIslbSettings(): IslbSettings {
  return loadConfig(islbSettingsSchema, {}, ISLB_CONFIG_PREFIX);
}

/** Reads and checks the configuration. Throws CONFIG_INVALID. */
export function loadIslbConfig(env: ConfigSource): IslbConfig {
  const config = loadConfig(islbConfigSchema, env, ISLB_CONFIG_PREFIX);
  const problems = [
    ...findHalfSet(config, ["grpcCaFile", "grpcCertFile", "grpcKeyFile"]),
    ...findHalfSet(config, ["redisCertFile", "redisKeyFile"]),
    ...findHalfSet(config, ["natsCertFile", "natsKeyFile"]),
  ];
  if (problems.length > 0) throw new CodedError("CONFIG_INVALID", problems.join("\n"));
  return config;
}

/** Settings that mean something only together. */
function findHalfSet(config: IslbConfig, keys: (keyof IslbConfig)[]): string[] {
  const missing = keys.filter((key) => config[key] === undefined);
  if (missing.length === 0 || missing.length === keys.length) return [];
  return missing.map((key) => `${ISLB_CONFIG_PREFIX}${toEnvName(key)} is not set, though its companions are`);
}
