import type { IslbService } from "@cation/proto/islb/v1/islb";
import type { SfuService } from "@cation/proto/sfu/v1/sfu";
import { addAdminRoutes, createAdminServer, listen } from "@cation/service-kit/admin-server";
import type { AdminRoutesOptions, AdminServer, ReadinessCheck } from "@cation/service-kit/admin-server";
import { sleep } from "@cation/service-kit/clock";
import type { Clock } from "@cation/service-kit/clock";
import { CodedError } from "@cation/service-kit/coded-error";
import type { Logger } from "@cation/service-kit/logger";
import { createMetricsRegistry } from "@cation/service-kit/metrics";
import type { Service } from "@cation/service-kit/service";
import type { Tracer } from "@cation/service-kit/span";
import { fastify } from "fastify";
import type { FastifyInstance } from "fastify";
import type { Registry } from "prom-client";
import { addAdminApi } from "./admin-api.ts";
import type { AdminApiOptions } from "./admin-api.ts";
import { ClusterView } from "./cluster-view.ts";
import { ClientConnection } from "./client-connection.ts";
import type { ClientConnectionDeps } from "./client-connection.ts";
import { CloseCode } from "./close-code.ts";
import { addDevTokenRoute } from "./dev-token-route.ts";
import { addRtcRoute } from "./rtc-route.ts";
import { SessionOpener } from "./session-opener.ts";
import { createIceServers } from "./ice-servers.ts";
import { createSessionTokens } from "./session-token.ts";
import { apiKeysOf } from "./signal-config.ts";
import type { SignalConfig } from "./signal-config.ts";
import { createSignalMetrics } from "./signal-metrics.ts";
import { createTokenVerifier } from "./token-verifier.ts";
import { addHttpRules, addWebApp } from "./web-routes.ts";

export interface SignalDeps {
  readonly config: SignalConfig;
  readonly islb: IslbService;
  /** The sfu at an address (host:port) as islb gave it. May be called often; keeps its connections. */
  readonly sfuFor: (address: string) => SfuService;
  readonly clock: Clock;
  /** Uniform in 0 … 1. */
  readonly random: () => number;
  readonly logger: Logger;
  /** Begins a trace with each join. */
  readonly tracer?: Tracer | undefined;
  /** Serves https and wss. PEM. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Shown on /metrics beside signal's own: of the process, and of services in the same process. */
  readonly registries?: readonly Registry[];
  /** Further facts of /healthz. */
  readonly info?: () => Readonly<Record<string, unknown>>;
  /** Further conditions of /readyz. */
  readonly readiness?: Readonly<Record<string, ReadinessCheck>>;
}

export interface Signal extends Service {
  /** Bound port of the WebSocket, after start(). */
  readonly port: number;
  /** Bound port of the admin routes, after start(). */
  readonly adminPort: number;
  /** Open WebSockets. */
  readonly connectionCount: number;
}

/**
 * Takes clients in: checks their tokens, asks islb where they go, and passes messages between them and their sfu.
 * Readiness does not ask whether islb or Redis answer: clients whose session is alive must be able to resume here even
 * when those are away.
 */
export function createSignal(deps: SignalDeps): Signal {
  return new SignalServer(deps);
}

class SignalServer implements Signal {
  readonly #deps: SignalDeps;
  readonly #connections = new Set<ClientConnection>();
  readonly #registry = createMetricsRegistry("signal");
  readonly #connectionDeps: ClientConnectionDeps;
  readonly #app: FastifyInstance;
  readonly #admin: AdminServer | undefined;
  #state: "new" | "serving" | "draining" | "closed" = "new";
  /** Those who wait until no connection is left. */
  #waitingForEmpty: (() => void)[] = [];
  #port = 0;
  #adminPort = 0;

  constructor(deps: SignalDeps) {
    const { config, logger } = deps;
    this.#deps = deps;
    this.#connectionDeps = this.#createConnectionDeps();
    const http = {
      logger: false,
      forceCloseConnections: true,
      requestTimeout: 10_000,
      bodyLimit: 65_536,
      // Names of rooms in paths of the admin API, percent-encoded.
      routerOptions: { maxParamLength: 2_048 },
    } as const;
    this.#app = deps.tls ? (fastify({ ...http, https: deps.tls }) as unknown as FastifyInstance) : fastify(http);
    this.#admin =
      config.adminPort === undefined
        ? undefined
        : createAdminServer({ ...this.#adminRoutes(), host: config.httpHost, port: config.adminPort, logger });
  }

  get port(): number {
    return this.#port;
  }

  get adminPort(): number {
    return this.#adminPort;
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  async start(): Promise<void> {
    const { config, logger } = this.#deps;
    await this.#addRoutes();
    this.#port = await listen(this.#app, config.httpHost, config.httpPort);
    this.#adminPort = this.#admin ? await this.#admin.start() : this.#port;
    this.#state = "serving";
    logger.info({ host: config.httpHost, port: this.#port, mode: config.mode }, "signal listens");
  }

  async drain(): Promise<void> {
    if (this.#state === "closed") return;
    if (this.#state !== "draining") {
      this.#state = "draining";
      for (const connection of this.#connections) void this.#closeSometime(connection);
    }
    await this.#empty();
  }

  async close(): Promise<void> {
    this.#state = "closed";
    for (const connection of this.#connections) connection.close(CloseCode.GOING_AWAY, "NODE_DRAINING");
    // One turn of the event loop for the close frames to get out; nobody is waited for.
    await new Promise<void>((resolve) => setImmediate(resolve));
    for (const connection of this.#connections) connection.terminate();
    await this.#empty();
    await Promise.all([this.#app.close(), this.#admin?.close()]);
  }

  #empty(): Promise<void> {
    if (this.#connections.size === 0) return Promise.resolve();
    return new Promise<void>((resolve) => this.#waitingForEmpty.push(resolve));
  }

  #onConnectionClosed(connection: ClientConnection): void {
    this.#connections.delete(connection);
    if (this.#connections.size > 0) return;
    for (const resolve of this.#waitingForEmpty.splice(0)) resolve();
  }

  /** Spread over a while, so that not all clients come to the other nodes at once. */
  async #closeSometime(connection: ClientConnection): Promise<void> {
    const { clock, random, config } = this.#deps;
    await sleep(clock, random() * config.drainSpreadMs);
    connection.close(CloseCode.GOING_AWAY, "NODE_DRAINING");
  }

  async #addRoutes(): Promise<void> {
    const { config, clock, logger } = this.#deps;
    const { metrics } = this.#connectionDeps;
    const app = this.#app;
    addHttpRules(app, logger);
    if (!this.#admin) addAdminRoutes(app, this.#adminRoutes());
    const [apiKey] = apiKeysOf(config);
    if (config.mode === "development" && apiKey) addDevTokenRoute(app, apiKey, clock);
    await addRtcRoute(app, {
      allowedOrigins: config.allowedOrigins,
      refusal: () => this.#findRefusal(),
      onRefused: ({ code }) => metrics.refusals.inc({ code }),
      onConnection: (socket, codec) => {
        this.#connections.add(new ClientConnection(socket, codec, this.#connectionDeps));
        metrics.connections.set(this.#connections.size);
      },
    });
    if (config.adminToken !== undefined) addAdminApi(app, createAdminApi(this.#deps, config.adminToken));
    if (config.webRoot !== undefined) await addWebApp(app, config.webRoot);
  }

  #findRefusal(): CodedError | undefined {
    if (this.#state !== "serving")
      return new CodedError("NODE_DRAINING", "This server is going away. Try another one.");
    if (this.#connections.size < this.#deps.config.maxConnections) return undefined;
    return new CodedError("CLUSTER_FULL", "This server has as many connections as it may. Try another one.");
  }

  #adminRoutes(): AdminRoutesOptions {
    const { registries, info, readiness } = this.#deps;
    return {
      service: "signal",
      registries: [this.#registry, ...(registries ?? [])],
      readiness: { signal: () => (this.#state === "serving" ? undefined : this.#state), ...readiness },
      ...(info ? { info } : {}),
    };
  }

  #createConnectionDeps(): ClientConnectionDeps {
    const { clock, logger, config, tracer } = this.#deps;
    const metrics = createSignalMetrics(this.#registry);
    return {
      tracer,
      clock,
      logger,
      metrics,
      limits: config,
      opener: createOpener(this.#deps),
      onClosed: (connection) => {
        this.#onConnectionClosed(connection);
        metrics.connections.set(this.#connections.size);
      },
    };
  }
}

function createAdminApi({ islb, sfuFor, clock, logger }: SignalDeps, token: string): AdminApiOptions {
  return { token, logger, view: new ClusterView({ islb, sfuFor, clock }) };
}

function createOpener(deps: SignalDeps): SessionOpener {
  const { config, clock, logger, islb, sfuFor } = deps;
  const apiKeys = apiKeysOf(config);
  const { jwksUrl, jwksIssuer, jwksAudience } = config;
  const jwks =
    jwksUrl === undefined
      ? {}
      : {
          jwks: {
            url: jwksUrl,
            issuer: jwksIssuer ?? "",
            ...(jwksAudience === undefined ? {} : { audience: jwksAudience }),
          },
        };
  return new SessionOpener({
    islb,
    sfuFor,
    clock,
    logger,
    verifier: createTokenVerifier({ clock, apiKeys, clockSkewMs: config.clockSkewMs, ...jwks }),
    sessionTokens: createSessionTokens(config.sessionSecret ?? apiKeys[0]?.secret ?? ""),
    iceServersFor: createIceServers(config, clock),
    maxParticipantsPerRoom: config.maxParticipantsPerRoom,
    requestTimeoutMs: config.requestTimeoutMs,
  });
}
