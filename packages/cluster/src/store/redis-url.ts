import { CodedError } from "@cation/service-kit/coded-error";

/** A host and port. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

/** Where and how Redis is reached. */
export interface RedisTarget {
  readonly kind: "single" | "sentinel" | "cluster";
  /** The server; or the sentinels; or some nodes of the cluster. */
  readonly addresses: readonly RedisAddress[];
  readonly tls: boolean;
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** Name under which the sentinels know the primary. */
  readonly primaryName: string | undefined;
  readonly database: number;
}

const KINDS: Readonly<Record<string, { kind: RedisTarget["kind"]; tls: boolean; defaultPort: number }>> = {
  redis: { kind: "single", tls: false, defaultPort: 6379 },
  rediss: { kind: "single", tls: true, defaultPort: 6379 },
  "redis-sentinel": { kind: "sentinel", tls: false, defaultPort: 26379 },
  "rediss-sentinel": { kind: "sentinel", tls: true, defaultPort: 26379 },
  "redis-cluster": { kind: "cluster", tls: false, defaultPort: 6379 },
  "rediss-cluster": { kind: "cluster", tls: true, defaultPort: 6379 },
};

const FORMS = [
  "redis://[user:password@]host[:port][/database]",
  "redis-sentinel://[user:password@]host[:port],…/primary-name[/database]",
  "redis-cluster://[user:password@]host[:port],…",
].join(", ");

/**
 * Reads a Redis URL: `redis://[user:password@]host[:port][/database]`, `redis-sentinel://…host,host/primary-name[/database]`
 * or `redis-cluster://…host,host`; each with `rediss` for TLS. Throws CONFIG_INVALID, without showing the password.
 */
export function parseRedisUrl(text: string): RedisTarget {
  const match = /^([a-z-]+):\/\/(?:([^@/]*)@)?([^/@]+)((?:\/[^/]*)*)$/.exec(text);
  const scheme = match && KINDS[match[1] as string];
  if (!scheme) throw invalid("is not one of its forms");
  const addresses = (match[3] as string).split(",").map((host) => parseAddress(host, scheme.defaultPort));
  if (scheme.kind === "single" && addresses.length > 1) throw invalid("names several hosts");
  const path = (match[4] as string).split("/").slice(1).map(decode);
  const primaryName = scheme.kind === "sentinel" ? path.shift() : undefined;
  if (scheme.kind === "sentinel" && !primaryName) throw invalid("does not name the primary");
  const [database = "", ...rest] = path;
  if (rest.length > 0 || !/^\d*$/.test(database)) throw invalid("ends with more than a database number");
  if (scheme.kind === "cluster" && Number(database) !== 0)
    throw invalid("names a database, of which a cluster has none");
  return {
    kind: scheme.kind,
    addresses,
    tls: scheme.tls,
    ...parseCredentials(match[2]),
    primaryName,
    database: Number(database),
  };
}

function parseAddress(text: string, defaultPort: number): RedisAddress {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text.trim());
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3] ?? defaultPort);
  if (host === undefined || port < 1 || port > 65_535) throw invalid("has a host that is none");
  return { host, port };
}

function parseCredentials(text: string | undefined): Pick<RedisTarget, "username" | "password"> {
  if (!text) return { username: undefined, password: undefined };
  const colon = text.indexOf(":");
  // One word alone is the user, as in other URLs; Redis' old password without a user is ":password".
  const username = decode(colon < 0 ? text : text.slice(0, colon));
  const password = colon < 0 ? "" : decode(text.slice(colon + 1));
  return { username: username === "" ? undefined : username, password: password === "" ? undefined : password };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid("has a % that starts no escape");
  }
}

function invalid(why: string): CodedError {
  return new CodedError("CONFIG_INVALID", `The Redis URL ${why}. Forms: ${FORMS}; rediss for TLS.`);
}
