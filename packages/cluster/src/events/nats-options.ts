import type { ConnectionOptions } from "@nats-io/transport-node";
import { CodedError } from "@cation/service-kit/coded-error";

/** Keys for TLS to NATS, PEM. */
export interface NatsTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

export interface NatsOptions {
  /**
   * `nats://[user:password@]host[:port]`, or `tls://…`; several for a cluster. User and password (or a token in the place
   * of the user) are taken from the first.
   */
  readonly urls: readonly string[];
  /** Shown in the server's list of connections. */
  readonly name: string;
  readonly tls?: NatsTls;
}

/**
 * The client's options for it. It looks for a lost server after 5 to 10 s of silence, and reconnects for ever.
 * CONFIG_INVALID where a URL is none.
 */
export function toConnectionOptions(options: NatsOptions): ConnectionOptions {
  const urls = options.urls.map(parseUrl);
  const first = urls[0];
  if (!first) throw new CodedError("CONFIG_INVALID", "No NATS server is named.");
  const useTls = options.tls !== undefined || urls.some((url) => url.protocol === "tls:");
  return {
    servers: urls.map((url) => `${url.hostname}:${url.port === "" ? "4222" : url.port}`),
    name: options.name,
    ...readCredentials(first),
    ...(useTls && { tls: { ...options.tls } }),
    maxReconnectAttempts: -1,
    ignoreAuthErrorAbort: true,
    reconnectTimeWait: 250,
    reconnectJitter: 250,
    reconnectJitterTLS: 250,
    timeout: 3_000,
    pingInterval: 5_000,
    maxPingOut: 2,
  };
}

function readCredentials(url: URL): Pick<ConnectionOptions, "user" | "pass" | "token"> {
  const user = decodeURIComponent(url.username);
  if (user === "") return {};
  return url.password === "" ? { token: user } : { user, pass: decodeURIComponent(url.password) };
}

function parseUrl(text: string): URL {
  const url = URL.parse(text);
  if (!url || url.hostname === "" || !["nats:", "tls:"].includes(url.protocol)) {
    throw new CodedError(
      "CONFIG_INVALID",
      `A NATS URL is like nats://host:4222 or tls://host:4222, not ${hide(text)}.`,
    );
  }
  return url;
}

/** A URL without what may be a password. */
function hide(text: string): string {
  return JSON.stringify(text.replace(/\/\/[^@]*@/, "//…@"));
}
