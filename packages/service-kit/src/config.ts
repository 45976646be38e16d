import type { Static, TObject, TProperties, TSchema } from "typebox";
import { IsOptional } from "typebox";
import Value from "typebox/value";
import { CodedError } from "./coded-error.ts";

/** Where values come from: `process.env`, or a plain object in tests and in embedded mode. */
export type ConfigSource = Readonly<Record<string, string | undefined>>;

/** Kubernetes sets such variables for a service of the same name as the prefix; they are not ours. */
const KUBERNETES_SERVICE_LINK = /^(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT(_.*)?)$/;

/**
 * Reads a service's configuration: one schema, one flat object. The key `drainTimeoutMs` with the prefix
 * `CATION_SIGNAL_` is read from `CATION_SIGNAL_DRAIN_TIMEOUT_MS`; lists are separated by commas, objects (and lists of
 * objects) are JSON. Units stand in the keys. A schema marked `secret: true` never has its value shown.
 *
 * Throws CONFIG_INVALID naming every wrong key with its value and what is allowed, and every key with the prefix that
 * the schema does not know.
 */
export function loadConfig<P extends TProperties>(
  schema: TObject<P>,
  env: ConfigSource,
  prefix: string,
): Static<TObject<P>> {
  const problems = findUnknownKeys(schema, env, prefix);
  const values: Record<string, unknown> = {};
  for (const [key, keySchema] of Object.entries(schema.properties) as [string, TSchema][]) {
    const name = prefix + toEnvName(key);
    const text = env[name];
    const result = text === undefined || text === "" ? readDefault(keySchema) : readText(keySchema, text);
    if ("value" in result) {
      if (result.value !== undefined) values[key] = result.value;
    } else {
      problems.push(
        `${name} ${text ? `is ${show(keySchema, text)}` : "is not set"}: ${describe(keySchema)}${result.why}`,
      );
    }
  }
  if (problems.length > 0) throw new CodedError("CONFIG_INVALID", problems.join("\n"));
  return values as Static<TObject<P>>;
}

/** `drainTimeoutMs` → `DRAIN_TIMEOUT_MS`. */
export function toEnvName(key: string): string {
  return key.replaceAll(/([a-z0-9])([A-Z])/g, "$1_$2").toUpperCase();
}

type Read = { readonly value: unknown } | { readonly why: string };

function readDefault(schema: TSchema): Read {
  const fallback: unknown = Reflect.get(schema, "default");
  if (fallback !== undefined) return { value: fallback };
  return IsOptional(schema) ? { value: undefined } : { why: "" };
}

function readText(schema: TSchema, text: string): Read {
  const parsed = parseText(schema, text);
  if (parsed === undefined) return { why: "" };
  if (Value.Check(schema, parsed)) return { value: parsed };
  const inner = Value.Errors(schema, parsed).find((error) => error.instancePath !== "");
  return { why: inner ? ` (${inner.instancePath.slice(1)} ${inner.message})` : "" };
}

function parseText(schema: TSchema, text: string): unknown {
  switch (typeOf(schema)) {
    case "integer":
    case "number":
      return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : undefined;
    case "boolean":
      return text === "true" ? true : text === "false" ? false : undefined;
    case "array":
      return typeOf(itemsOf(schema)) === "string" ? splitList(text) : parseJson(text);
    case "object":
      return parseJson(text);
    default:
      return text;
  }
}

function splitList(text: string): string[] {
  return text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function findUnknownKeys(schema: TObject, env: ConfigSource, prefix: string): string[] {
  const known = Object.keys(schema.properties).map((key) => prefix + toEnvName(key));
  return Object.keys(env)
    .filter((name) => name.startsWith(prefix) && !known.includes(name))
    .filter((name) => !KUBERNETES_SERVICE_LINK.test(name.slice(prefix.length)))
    .map((name) => `${name} is not a setting. There are: ${known.join(", ")}`);
}

function show(schema: TSchema, text: string): string {
  return Reflect.get(schema, "secret") === true ? `a secret of ${text.length} characters` : JSON.stringify(text);
}

/** What a schema allows, in words. */
function describe(schema: TSchema): string {
  const fallback: unknown = Reflect.get(schema, "default");
  const hint =
    fallback === undefined || Reflect.get(schema, "secret") === true ? "" : `, default ${JSON.stringify(fallback)}`;
  return `must be ${describeType(schema)}${hint}`;
}

function describeType(schema: TSchema): string {
  const choices = choicesOf(schema);
  if (choices) return `one of ${choices.map((choice) => JSON.stringify(choice)).join(", ")}`;
  const { minimum, maximum, minLength, maxLength, pattern } = schema as Record<string, unknown>;
  switch (typeOf(schema)) {
    case "integer":
      return `a whole number${range(minimum, maximum, "")}`;
    case "number":
      return `a number${range(minimum, maximum, "")}`;
    case "boolean":
      return `"true" or "false"`;
    case "array":
      return typeOf(itemsOf(schema)) === "string"
        ? `a list separated by commas, each ${describeType(itemsOf(schema))}`
        : "JSON, a list";
    case "object":
      return "JSON, an object";
    default:
      return `text${range(minLength, maxLength, " characters")}${typeof pattern === "string" ? ` matching ${pattern}` : ""}`;
  }
}

function range(low: unknown, high: unknown, unit: string): string {
  if (low === undefined && high === undefined) return "";
  if (high === undefined) return ` of at least ${String(low)}${unit}`;
  return low === undefined ? ` of at most ${String(high)}${unit}` : ` from ${String(low)} to ${String(high)}${unit}`;
}

function choicesOf(schema: TSchema): unknown[] | undefined {
  const { enum: values, anyOf } = schema as { enum?: unknown[]; anyOf?: { const?: unknown }[] };
  if (values) return values;
  return anyOf?.every((choice) => choice.const !== undefined) ? anyOf.map((choice) => choice.const) : undefined;
}

function typeOf(schema: TSchema): unknown {
  return (
    Reflect.get(schema, "type") ??
    (choicesOf(schema)?.every((choice) => typeof choice === "number") ? "number" : "string")
  );
}

function itemsOf(schema: TSchema): TSchema {
  return (schema as { items?: TSchema }).items ?? {};
}
