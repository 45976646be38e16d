import { LOG_LEVELS } from "@cation/service-kit/logger";
import { traceSettings } from "@cation/service-kit/trace-settings";
import { CodedError } from "@cation/service-kit/coded-error";
import { loadConfig, toEnvName } from "@cation/service-kit/config";
import type { ConfigSource } from "@cation/service-kit/config";
import { Type } from "typebox";
import type { Static } from "typebox";

/** Prefix of the environment variables: `httpPort` is CATION_SIGNAL_HTTP_PORT. */
export const SIGNAL_CONFIG_PREFIX = "CATION_SIGNAL_";

/** Key and secret that anybody can know. Good for one's own machine only. */
export const DEVELOPMENT_API_KEY = "development";
export const DEVELOPMENT_API_SECRET = "cation-development-secret-not-for-production";

const MIN_SECRET_LENGTH = 32;

/** Every setting of signal. */
export const signalConfigSchema = Type.Object({
  mode: Type.Enum(["development", "production"], {
    default: "production",
    description: "development: mints tokens at /dev/token and knows a default API key. Never on a public network.",
  }),
  httpHost: Type.String({ minLength: 1, default: "0.0.0.0", description: "Address to listen on." }),
  httpPort: Type.Integer({ minimum: 0, maximum: 65535, default: 8080, description: "WebSocket and HTTP." }),
  adminPort: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 65535,
      description: "Own port for /healthz, /readyz and /metrics, which are on httpPort otherwise.",
    }),
  ),
  islbAddresses: Type.Array(Type.String({ pattern: "^.+:\\d+$" }), {
    default: ["127.0.0.1:7100"],
    description: "host:port of islb; several for several replicas.",
  }),
  tlsCertFile: Type.Optional(Type.String({ minLength: 1, description: "PEM; with tlsKeyFile: https and wss." })),
  tlsKeyFile: Type.Optional(Type.String({ minLength: 1, description: "PEM." })),
  grpcCaFile: Type.Optional(
    Type.String({ minLength: 1, description: "PEM; with the next two: mutual TLS to islb and sfu." }),
  ),
  grpcCertFile: Type.Optional(Type.String({ minLength: 1, description: "PEM." })),
  grpcKeyFile: Type.Optional(Type.String({ minLength: 1, description: "PEM." })),
  apiKeys: Type.Array(Type.String({ pattern: "^[^:\\s]+:.+$" }), {
    default: [],
    secret: true,
    description: "key:secret of those who sign HS256 tokens. Secrets have 32 characters at least.",
  }),
  jwksUrl: Type.Optional(
    Type.String({ pattern: "^https?://", description: "Public keys of those who sign RS, PS, ES and EdDSA tokens." }),
  ),
  jwksIssuer: Type.Optional(Type.String({ minLength: 1, description: "Required `iss` of such tokens." })),
  jwksAudience: Type.Optional(Type.String({ minLength: 1, description: "Required `aud` of such tokens." })),
  clockSkewMs: Type.Integer({
    minimum: 0,
    maximum: 60_000,
    default: 5000,
    description: "Allowed for `exp` and `nbf`.",
  }),
  tokenExpiryGraceMs: Type.Integer({
    minimum: 0,
    default: 30_000,
    description: "How long a connection may stay after its token expired without a new one.",
  }),
  sessionSecret: Type.Optional(
    Type.String({
      minLength: MIN_SECRET_LENGTH,
      secret: true,
      description: "Signs session tokens; the same on every signal. Derived from the first API key when not set.",
    }),
  ),
  iceServers: Type.Array(
    Type.Object({
      urls: Type.Array(Type.String({ pattern: "^(stuns?|turns?):" }), { minItems: 1 }),
      username: Type.String({ default: "" }),
      credential: Type.String({ default: "" }),
    }),
    {
      default: [],
      secret: true,
      description:
        'STUN and TURN servers given to clients, as JSON: [{"urls":["turn:…"],"username":"","credential":""}]',
    },
  ),
  adminToken: Type.Optional(
    Type.String({
      minLength: MIN_SECRET_LENGTH,
      secret: true,
      description: "Opens the admin page (/admin) and its API to whoever has it. Not set: there is neither.",
    }),
  ),
  turnUrls: Type.Array(Type.String({ pattern: "^turns?:" }), {
    default: [],
    description: "TURN servers that share turnSecret with signal: turn:host:3478?transport=udp.",
  }),
  turnSecret: Type.Optional(
    Type.String({
      minLength: 16,
      secret: true,
      description:
        "With turnUrls: gives each client TURN credentials of its own that end by themselves (coturn: use-auth-secret).",
    }),
  ),
  turnLifetimeMs: Type.Integer({
    minimum: 60_000,
    default: 21_600_000,
    description: "How long such credentials last; a client gets new ones with each join and resume.",
  }),
  allowedOrigins: Type.Array(Type.String({ pattern: "^(\\*|https?://.+)$" }), {
    default: ["*"],
    description: "Web origins that may connect; * for all (tokens, not cookies, let people in).",
  }),
  webRoot: Type.Optional(Type.String({ minLength: 1, description: "Folder of the built web app, served at /." })),
  maxConnections: Type.Integer({ minimum: 1, default: 20_000, description: "More are refused with 503." }),
  maxParticipantsPerRoom: Type.Integer({ minimum: 0, default: 0, description: "0: no bound." }),
  joinTimeoutMs: Type.Integer({ minimum: 100, default: 10_000, description: "From connecting to being in the room." }),
  requestTimeoutMs: Type.Integer({ minimum: 100, default: 10_000, description: "Of calls to islb and sfu." }),
  pingIntervalMs: Type.Integer({ minimum: 100, default: 10_000, description: "A socket silent for two is dead." }),
  requestsPerSecond: Type.Integer({ minimum: 1, default: 50, description: "Of one connection, on average." }),
  requestBurst: Type.Integer({ minimum: 1, default: 200, description: "Of one connection, at once." }),
  maxBufferedBytes: Type.Integer({
    minimum: 65_536,
    default: 4_194_304,
    description: "Unsent bytes of one connection; a client that reads more slowly is closed.",
  }),
  drainSpreadMs: Type.Integer({ minimum: 0, default: 5000, description: "Over which a drain closes connections." }),
  drainTimeoutMs: Type.Integer({ minimum: 0, default: 15_000, description: "Then the process stops anyway." }),
  ...traceSettings,
  logLevel: Type.Enum([...LOG_LEVELS], { default: "info" }),
  logFormat: Type.Enum(["json", "pretty"], { default: "json" }),
});

export type SignalConfig = Static<typeof signalConfigSchema>;

/** An API key with its secret. */
export interface ApiKey {
  readonly key: string;
  readonly secret: string;
}

/** Reads and checks the configuration. Throws CONFIG_INVALID. */
export function loadSignalConfig(env: ConfigSource): SignalConfig {
  const config = loadConfig(signalConfigSchema, env, SIGNAL_CONFIG_PREFIX);
  const problems = findProblems(config);
  if (problems.length > 0) throw new CodedError("CONFIG_INVALID", problems.join("\n"));
  return config;
}

/** The API keys in force. Development mode without any has the well-known one. */
export function apiKeysOf(config: SignalConfig): ApiKey[] {
  if (config.apiKeys.length === 0 && config.mode === "development") {
    return [{ key: DEVELOPMENT_API_KEY, secret: DEVELOPMENT_API_SECRET }];
  }
  return config.apiKeys.map((entry) => {
    const colon = entry.indexOf(":");
    return { key: entry.slice(0, colon), secret: entry.slice(colon + 1) };
  });
}

/** What no single key can tell. */
function findProblems(config: SignalConfig): string[] {
  const problems: string[] = [];
  const name = (key: string): string => SIGNAL_CONFIG_PREFIX + key;
  const keys = apiKeysOf(config);
  if (config.jwksUrl !== undefined && config.jwksIssuer === undefined) {
    problems.push(`${name("JWKS_ISSUER")} is not set: with ${name("JWKS_URL")} it must be the issuer of the tokens`);
  }
  problems.push(...findHalfSet(config, ["tlsCertFile", "tlsKeyFile"]));
  problems.push(...findHalfSet(config, ["grpcCaFile", "grpcCertFile", "grpcKeyFile"]));
  if (config.islbAddresses.length === 0)
    problems.push(`${name("ISLB_ADDRESSES")} is empty: must name one islb at least`);
  if (config.turnUrls.length > 0 !== (config.turnSecret !== undefined)) {
    problems.push(`${name("TURN_URLS")} and ${name("TURN_SECRET")} must be set together`);
  }
  if (new Set(keys.map(({ key }) => key)).size < keys.length) problems.push(`${name("API_KEYS")} names a key twice`);
  return config.mode === "production" ? [...problems, ...findProductionProblems(config, keys, name)] : problems;
}

/** Settings that mean something only together. */
function findHalfSet(config: SignalConfig, keys: (keyof SignalConfig)[]): string[] {
  const missing = keys.filter((key) => config[key] === undefined);
  if (missing.length === 0 || missing.length === keys.length) return [];
  return missing.map((key) => `${SIGNAL_CONFIG_PREFIX}${toEnvName(key)} is not set, though its companions are`);
}

function findProductionProblems(config: SignalConfig, keys: ApiKey[], name: (key: string) => string): string[] {
  const problems: string[] = [];
  if (keys.length === 0 && config.jwksUrl === undefined) {
    problems.push(`${name("API_KEYS")} and ${name("JWKS_URL")} are not set: nobody could enter. Set one of them`);
  }
  if (keys.length === 0 && config.sessionSecret === undefined) {
    problems.push(`${name("SESSION_SECRET")} is not set: without API keys it must be, the same on every signal`);
  }
  for (const { key, secret } of keys) {
    if (key === DEVELOPMENT_API_KEY || secret === DEVELOPMENT_API_SECRET) {
      problems.push(`${name("API_KEYS")} has the development key or secret, which everybody knows. Make your own`);
    } else if (secret.length < MIN_SECRET_LENGTH) {
      problems.push(
        `${name("API_KEYS")}: the secret of "${key}" has ${secret.length} characters, must have ${MIN_SECRET_LENGTH}`,
      );
    }
  }
  return problems;
}
