import { withTimeout } from "./clock.ts";
import type { Clock } from "./clock.ts";
import { CodedError } from "./coded-error.ts";
import type { Logger } from "./logger.ts";

/** What every createX(deps) returns. */
export interface Service {
  /** Resolves when the service serves. Rejects with CONFIG_INVALID where the machine does not allow what was asked. */
  start(): Promise<void>;
  /** Takes no new work and resolves when the work under way is done or moved elsewhere. Idempotent. */
  drain(): Promise<void>;
  /** Ends everything at once and frees what is held. Idempotent; also after a failed start. */
  close(): Promise<void>;
}

/** The part of `process` that runService uses. */
export interface ProcessPort {
  on(event: "SIGTERM" | "SIGINT", listener: () => void): unknown;
  on(event: "uncaughtException" | "unhandledRejection", listener: (reason: unknown) => void): unknown;
  exit(code: number): void;
}

export interface RunServiceOptions {
  readonly service: Service;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly process: ProcessPort;
  /** After it, close() is called even though the work is not done. */
  readonly drainTimeoutMs: number;
  /** After it, the process exits even though close() has not resolved. */
  readonly closeTimeoutMs: number;
}

/**
 * Runs a service as a process: start; on SIGTERM or SIGINT drain and close, each with its deadline; a second signal skips
 * the draining. Exits with 0 after a clean stop, 1 after a failed start, an uncaught error or a close past its deadline.
 */
export async function runService(options: RunServiceOptions): Promise<void> {
  const { service, logger, process } = options;
  const stop = createStop(options);
  process.on("SIGTERM", () => void stop.request("SIGTERM"));
  process.on("SIGINT", () => void stop.request("SIGINT"));
  process.on("uncaughtException", (error) => void stop.fail(error, "uncaught exception"));
  process.on("unhandledRejection", (error) => void stop.fail(error, "unhandled rejection"));
  try {
    await service.start();
  } catch (error) {
    // A wrong setting is for the operator to mend: the sentence says how, a stack would hide it.
    if (error instanceof CodedError && error.code === "CONFIG_INVALID") logger.fatal(error.message);
    else logger.fatal({ err: error }, "start failed");
    await stop.close(1);
  }
}

function createStop({ service, logger, clock, process, drainTimeoutMs, closeTimeoutMs }: RunServiceOptions) {
  let stopping = false;
  let closing = false;

  async function close(exitCode: number): Promise<void> {
    if (closing) return;
    stopping = true;
    closing = true;
    let code = exitCode;
    try {
      await withTimeout(
        clock,
        closeTimeoutMs,
        service.close(),
        () => new Error(`not closed after ${closeTimeoutMs} ms`),
      );
      logger.info("closed");
    } catch (error) {
      logger.error({ err: error }, "close failed");
      code = 1;
    }
    process.exit(code);
  }

  async function request(signal: string): Promise<void> {
    if (stopping) {
      logger.info({ signal }, "second signal: closing at once");
      return close(0);
    }
    stopping = true;
    logger.info({ signal, drainTimeoutMs }, "draining");
    try {
      await withTimeout(
        clock,
        drainTimeoutMs,
        service.drain(),
        () => new Error(`not empty after ${drainTimeoutMs} ms`),
      );
    } catch (error) {
      logger.warn({ err: error }, "drain ended early");
    }
    await close(0);
  }

  async function fail(error: unknown, message: string): Promise<void> {
    logger.fatal({ err: error }, message);
    await close(1);
  }

  return { request, fail, close };
}
