import { fastify } from "fastify";
import type { FastifyInstance } from "fastify";
import type { Registry } from "prom-client";
import { CodedError } from "./coded-error.ts";
import type { Logger } from "./logger.ts";
import { mergeRegistries } from "./metrics.ts";

/** Why a service is not ready, or undefined when it is. Must be quick: it looks at what is known, it does not call out. */
export type ReadinessCheck = () => string | undefined;

export interface AdminRoutesOptions {
  readonly service: string;
  /** Checks by name: "islb", "draining". */
  readonly readiness: Readonly<Record<string, ReadinessCheck>>;
  readonly registries: readonly Registry[];
  /** Facts shown by /healthz: version, media backend. */
  readonly info?: () => Readonly<Record<string, unknown>>;
  /** Has the service drain by `POST /drain`, which answers at once; `GET /drain` says how far that is. */
  readonly drain?: DrainControl;
}

/** A service that can be asked to drain without being stopped. */
export interface DrainControl {
  /** Begins; what it returns is not awaited. Idempotent. */
  begin(): Promise<void>;
  read(): object;
}

/**
 * Adds what operators and orchestrators ask:
 * - `/healthz` liveness: answers while the process turns. It looks at nothing else, so that a store that stalls never
 *   gets healthy media restarted.
 * - `/readyz` readiness: 200, or 503 with the reasons.
 * - `/metrics` Prometheus' text format.
 * - `/drain` where the service has it.
 */
export function addAdminRoutes(app: FastifyInstance, options: AdminRoutesOptions): void {
  app.get("/healthz", () => ({ status: "ok", service: options.service, ...options.info?.() }));
  app.get("/readyz", (_request, reply) => {
    const reasons = findReasons(options.readiness);
    const ready = Object.keys(reasons).length === 0;
    return reply.code(ready ? 200 : 503).send(ready ? { status: "ready" } : { status: "not ready", reasons });
  });
  app.get("/metrics", async (_request, reply) => {
    const merged = await mergeRegistries(options.registries);
    return reply.type(merged.contentType).send(await merged.metrics());
  });
  const { drain } = options;
  if (!drain) return;
  app.get("/drain", () => drain.read());
  app.post("/drain", (_request, reply) => {
    void drain.begin().catch(() => undefined);
    return reply.code(202).send(drain.read());
  });
}

function findReasons(checks: Readonly<Record<string, ReadinessCheck>>): Record<string, string> {
  const reasons: Record<string, string> = {};
  for (const [name, check] of Object.entries(checks)) {
    const reason = check();
    if (reason !== undefined) reasons[name] = reason;
  }
  return reasons;
}

export interface AdminServerOptions extends AdminRoutesOptions {
  readonly host: string;
  /** 0 asks the kernel for a free one. */
  readonly port: number;
  readonly logger: Logger;
}

/** An HTTP server with the admin routes alone, for services that have no other. */
export interface AdminServer {
  /** Resolves with the bound port. Rejects with CONFIG_INVALID when the address cannot be bound. */
  start(): Promise<number>;
  /** Idempotent. */
  close(): Promise<void>;
}

export function createAdminServer(options: AdminServerOptions): AdminServer {
  const app = fastify({ logger: false, forceCloseConnections: true, requestTimeout: 10_000 });
  addAdminRoutes(app, options);
  return {
    async start() {
      const port = await listen(app, options.host, options.port);
      options.logger.info({ host: options.host, port }, "admin server listens");
      return port;
    },
    close: () => app.close(),
  };
}

/** Binds a Fastify server and tells the bound port; what the kernel refuses becomes CONFIG_INVALID in words. */
export async function listen(app: FastifyInstance, host: string, port: number): Promise<number> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    throw new CodedError("CONFIG_INVALID", explainBindError(error, host, port), { cause: error });
  }
  const bound = app.server.address();
  return typeof bound === "object" && bound ? bound.port : port;
}

function explainBindError(error: unknown, host: string, port: number): string {
  switch (Reflect.get(Object(error), "code")) {
    case "EADDRINUSE":
      return `Port ${port} on ${host} is in use. Stop what uses it, or choose another port.`;
    case "EACCES":
      return `Port ${port} may not be bound by this user. Choose one above 1023.`;
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return `${host} is not an address of this machine.`;
    default:
      return `Cannot listen on ${host} port ${port}: ${String(error)}`;
  }
}
