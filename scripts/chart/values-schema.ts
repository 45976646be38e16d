import { readFileSync } from "node:fs";
import { join } from "node:path";
import { islbConfigSchema } from "@cation/islb/islb-config";
import { sfuConfigSchema } from "@cation/sfu/sfu-config";
import { signalConfigSchema } from "@cation/signal/signal-config";
import { parse } from "yaml";

/** Folder of the Helm chart. */
export const CHART = join(import.meta.dirname, "../../deploy/helm/cation");

type Json = Record<string, unknown>;

const SERVICE_SCHEMAS = { signal: signalConfigSchema, islb: islbConfigSchema, sfu: sfuConfigSchema };

const GRPC_FILES = ["grpcCaFile", "grpcCertFile", "grpcKeyFile"];

/** Settings that the chart works out itself, and that `config` of a service therefore does not take. */
const MANAGED: Readonly<Record<keyof typeof SERVICE_SCHEMAS, readonly string[]>> = {
  signal: [
    ...GRPC_FILES,
    ...["httpPort", "adminPort", "islbAddresses", "tlsCertFile", "tlsKeyFile", "apiKeys", "sessionSecret"],
    ...["jwksUrl", "jwksIssuer", "jwksAudience", "iceServers", "turnUrls", "turnSecret", "adminToken", "webRoot"],
  ],
  islb: [
    ...GRPC_FILES,
    ...["grpcPort", "adminPort", "redisUrl", "redisCaFile", "redisCertFile", "redisKeyFile"],
    ...["natsUrls", "natsCaFile", "natsCertFile", "natsKeyFile"],
  ],
  sfu: [
    ...GRPC_FILES,
    ...["nodeId", "region", "grpcPort", "adminPort", "advertisedGrpcAddress", "mediaPort", "mediaTcp", "workers"],
    ...["announcedAddresses", "islbAddresses", "natsUrls"],
  ],
};

/** Maps whose keys are Kubernetes' business. */
const FREE_MAPS = new Set(
  "commonLabels commonAnnotations nodeSelector affinity podLabels podAnnotations annotations labels requests limits resources podSecurityContext containerSecurityContext monitoringNamespaceSelector".split(
    " ",
  ),
);

const PORT = { type: "integer", minimum: 1, maximum: 65_535 };
const COUNT = { type: "integer", minimum: 1 };
const PERCENT = { type: "integer", minimum: 1, maximum: 100 };
const IP = { type: "string", pattern: "^[0-9A-Fa-f:.]+$" };
const API_KEY = { type: "string", pattern: "^[^:\\s,]+:[^,]{32,}$" };

/** What the type of the default does not say, by path. */
const CONSTRAINTS: Readonly<Record<string, Json>> = {
  "image.repository": { minLength: 1 },
  "image.digest": { pattern: "^(sha256:[0-9a-f]{64})?$" },
  "image.pullPolicy": { enum: ["Always", "IfNotPresent", "Never"] },
  "auth.apiKeys": { items: API_KEY },
  "auth.sessionSecret": { pattern: "^(.{32,})?$" },
  "auth.jwks.url": { pattern: "^(https?://.+)?$" },
  iceServers: {
    items: {
      type: "object",
      required: ["urls"],
      additionalProperties: false,
      properties: {
        urls: { type: "array", minItems: 1, items: { type: "string", pattern: "^(stuns?|turns?):" } },
        username: { type: "string" },
        credential: { type: "string" },
      },
    },
  },
  "redis.url": { pattern: "^(rediss?(-sentinel|-cluster)?://.+)?$" },
  "nats.replicas": { enum: [1, 3, 5] },
  "nats.urls": { items: { type: "string", pattern: "^(nats|tls)://.+" } },
  "signal.replicas": COUNT,
  "signal.service.type": { enum: ["ClusterIP", "NodePort", "LoadBalancer"] },
  "signal.service.port": PORT,
  "signal.service.nodePort": { type: ["integer", "null"], minimum: 1, maximum: 65_535 },
  "signal.ingress.path": { pattern: "^/" },
  "signal.autoscaling.minReplicas": COUNT,
  "signal.autoscaling.maxReplicas": COUNT,
  "signal.autoscaling.targetCpuPercent": PERCENT,
  "signal.preStopSeconds": { minimum: 0 },
  "islb.replicas": COUNT,
  "islb.preStopSeconds": { minimum: 0 },
  "sfu.replicas": COUNT,
  "sfu.kind": { enum: ["StatefulSet", "Deployment"] },
  "sfu.region": { maxLength: 64 },
  "sfu.media.port": PORT,
  "sfu.media.workers": { minimum: 1, maximum: 64 },
  "sfu.exposure.mode": { enum: ["hostPort", "hostNetwork", "nodePort", "loadBalancer"] },
  "sfu.announce.from": {
    enum: ["", "hostIp", "podIp", "fixed", "perPod", "nodeExternalIp", "nodeAnnotation", "stun"],
  },
  "sfu.announce.addresses": { items: IP },
  "sfu.announce.stunServer": { pattern: "^(.+:[0-9]+)?$" },
  "sfu.autoscaling.kind": { enum: ["hpa", "keda"] },
  "sfu.autoscaling.minReplicas": COUNT,
  "sfu.autoscaling.maxReplicas": COUNT,
  "sfu.autoscaling.targetCpuPercent": { minimum: 0, maximum: 100 },
  "sfu.autoscaling.targetStressPercent": { minimum: 0, maximum: 100 },
  "sfu.autoscaling.prometheusUrl": { pattern: "^(https?://.+)?$" },
  "sfu.autoscaling.scaleDownPeriodSeconds": { minimum: 60, maximum: 1800 },
  "sfu.podDisruptionBudget.maxUnavailable": COUNT,
  "coturn.auth": { enum: ["static", "secret"] },
  "coturn.hosts": { items: { type: "string", minLength: 1 } },
  "coturn.port": PORT,
  "coturn.replicas": COUNT,
  "coturn.relayPorts.min": PORT,
  "coturn.relayPorts.max": PORT,
  "coturn.allowedPeers": { items: { type: "string", minLength: 1 } },
  "networkPolicy.nodeCidrs": { items: { type: "string", pattern: "^[0-9A-Fa-f:.]+/[0-9]+$" } },
  "networkPolicy.externalPorts": { items: PORT },
  "monitoring.monitor.kind": { enum: ["PodMonitor", "ServiceMonitor"] },
  "monitoring.monitor.interval": { pattern: "^[0-9]+(ms|s|m)$" },
};

/** values.schema.json as it should be: shape from values.yaml, settings of the services from their own schemas. */
export function valuesSchema(): string {
  const values: unknown = parse(readFileSync(join(CHART, "values.yaml"), "utf8"));
  const schema = { $schema: "http://json-schema.org/draft-07/schema#", title: "cation", ...schemaOf(values, []) };
  // Helm gives `global` to every chart.
  Object.assign((schema as Json)["properties"] as Json, { global: { type: "object" } });
  return `${JSON.stringify(schema, null, 2)}\n`;
}

function schemaOf(value: unknown, path: readonly string[]): Json {
  const [service, key] = path;
  if (path.length === 2 && key === "config") return configSchema(service as keyof typeof SERVICE_SCHEMAS);
  return { ...typeOf(value, path), ...CONSTRAINTS[path.join(".")] };
}

function typeOf(value: unknown, path: readonly string[]): Json {
  if (Array.isArray(value)) return { type: "array" };
  if (typeof value === "number") return { type: "integer" };
  if (typeof value !== "object" || value === null) return { type: typeof value };
  if (FREE_MAPS.has(path.at(-1) ?? "")) return { type: "object" };
  const properties = Object.entries(value).map(([key, inner]) => [key, schemaOf(inner, [...path, key])] as const);
  return { type: "object", additionalProperties: false, properties: Object.fromEntries(properties) };
}

/** The service's own schema, as JSON, without what the chart sets. */
function configSchema(service: keyof typeof SERVICE_SCHEMAS): Json {
  const all = JSON.parse(JSON.stringify(SERVICE_SCHEMAS[service].properties)) as Record<string, Json>;
  const properties = Object.entries(all)
    .filter(([key]) => !MANAGED[service].includes(key))
    .map(([key, { default: _default, secret: _secret, ...rest }]) => [key, rest] as const);
  return { type: "object", additionalProperties: false, properties: Object.fromEntries(properties) };
}
