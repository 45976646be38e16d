import { Type } from "typebox";
import { expect, test } from "vitest";
import { loadConfig, toEnvName } from "./config.ts";

const schema = Type.Object({
  httpPort: Type.Integer({ minimum: 0, maximum: 65535, default: 7000 }),
  drainTimeoutMs: Type.Integer({ minimum: 0, default: 30_000 }),
  mode: Type.Union([Type.Literal("development"), Type.Literal("production")], { default: "development" }),
  logLevel: Type.Enum(["debug", "info"], { default: "info" }),
  trusted: Type.Boolean({ default: false }),
  announced: Type.Array(Type.String({ minLength: 1 }), { default: [] }),
  iceServers: Type.Array(Type.Object({ urls: Type.Array(Type.String({ pattern: "^(stun|turns?):" })) }), {
    default: [],
  }),
  stress: Type.Number({ minimum: 0, maximum: 1, default: 0.9 }),
  region: Type.Optional(Type.String()),
  apiSecret: Type.String({ minLength: 8, secret: true }),
});

const load = (env: Record<string, string>) => loadConfig(schema, { X_API_SECRET: "long enough", ...env }, "X_");

test("defaults, and every kind of value", () => {
  expect(load({})).toEqual({
    httpPort: 7000,
    drainTimeoutMs: 30_000,
    mode: "development",
    logLevel: "info",
    trusted: false,
    announced: [],
    iceServers: [],
    stress: 0.9,
    apiSecret: "long enough",
  });
  const config = load({
    X_HTTP_PORT: "0",
    X_MODE: "production",
    X_TRUSTED: "true",
    X_ANNOUNCED: "10.0.0.1, 10.0.0.2",
    X_ICE_SERVERS: '[{"urls":["stun:stun.example.org"]}]',
    X_STRESS: "0.5",
    X_REGION: "eu",
    X_LOG_LEVEL: "",
    UNRELATED: "1",
  });
  expect(config).toMatchObject({
    httpPort: 0,
    mode: "production",
    trusted: true,
    announced: ["10.0.0.1", "10.0.0.2"],
    iceServers: [{ urls: ["stun:stun.example.org"] }],
    stress: 0.5,
    region: "eu",
    logLevel: "info",
  });
});

test.each([
  [{ X_HTTP_PORT: "70000" }, 'X_HTTP_PORT is "70000": must be a whole number from 0 to 65535, default 7000'],
  [{ X_HTTP_PORT: "7e3" }, 'X_HTTP_PORT is "7e3"'],
  [{ X_HTTP_PORT: "1.5" }, 'X_HTTP_PORT is "1.5"'],
  [{ X_DRAIN_TIMEOUT_MS: "-1" }, 'X_DRAIN_TIMEOUT_MS is "-1": must be a whole number of at least 0, default 30000'],
  [{ X_MODE: "prod" }, 'X_MODE is "prod": must be one of "development", "production", default "development"'],
  [{ X_LOG_LEVEL: "loud" }, 'X_LOG_LEVEL is "loud": must be one of "debug", "info"'],
  [{ X_TRUSTED: "yes" }, 'X_TRUSTED is "yes": must be "true" or "false"'],
  [{ X_ICE_SERVERS: '[{"urls":["http://x"]}]' }, "0/urls/0 must match pattern"],
  [{ X_ICE_SERVERS: "[" }, "must be JSON, a list"],
  [{ X_HTTP_PROT: "80" }, "X_HTTP_PROT is not a setting. There are: X_HTTP_PORT,"],
  [{ X_API_SECRET: "" }, "X_API_SECRET is not set: must be text of at least 8 characters"],
])("%o stops the start", (env, expected) => {
  expect(() => load(env)).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
  expect(() => load(env)).toThrow(expected);
});

test("all problems at once, and no secret among them", () => {
  const attempt = () => load({ X_API_SECRET: "hunter2", X_MODE: "?", X_STRESS: "2" });
  expect(attempt).toThrow(/X_MODE[^]*X_STRESS[^]*X_API_SECRET is a secret of 7 characters/);
  expect(attempt).not.toThrow(/hunter2/);
});

test("Kubernetes' service links are not taken for settings", () => {
  expect(load({ X_SERVICE_HOST: "10.0.0.1", X_PORT: "tcp://10.0.0.1:80", X_PORT_80_TCP: "…" }).httpPort).toBe(7000);
});

test("names of variables", () => {
  expect(["drainTimeoutMs", "http2Port", "maxEgressBps"].map(toEnvName)).toEqual([
    "DRAIN_TIMEOUT_MS",
    "HTTP2_PORT",
    "MAX_EGRESS_BPS",
  ]);
});
