import { pino } from "pino";
import type { DestinationStream, Logger as PinoLogger } from "pino";
import { createPrettyStream } from "./pretty-log.ts";
import { redact } from "./redact.ts";
import { currentSpan } from "./span.ts";

/** A structured logger. `logger.info({ roomId }, "joined")`: fields first, then a short fixed sentence. */
export type Logger = PinoLogger;

export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LoggerOptions {
  /** Which service (or program) speaks: "signal", "islb", "sfu". */
  readonly service: string;
  readonly level: LogLevel;
  /** "json" for machines (default), "pretty" for people: one line an entry. */
  readonly format?: "json" | "pretty";
  /** Colours in the pretty form. */
  readonly colors?: boolean;
  /** Fields of every line, for example the node's id. */
  readonly bindings?: Readonly<Record<string, unknown>>;
  /** Where lines go; standard output by default. */
  readonly destination?: DestinationStream;
}

const DEBUG_LEVEL = 20;

/** Lines of traced work say which trace. */
function readTraceId(): { traceId?: string } {
  const traceId = currentSpan()?.traceId;
  return traceId === undefined ? {} : { traceId };
}

/**
 * Makes the logger of a service. Secrets and tokens never reach the output; names, addresses and SDP do at debug level
 * and below only (see redact.ts for which keys).
 */
export function createLogger(options: LoggerOptions): Logger {
  const raw = options.destination ?? pino.destination({ fd: 1, sync: true });
  const destination = options.format === "pretty" ? createPrettyStream(raw, options.colors ?? false) : raw;
  return pino(
    {
      level: options.level,
      base: { service: options.service, ...options.bindings },
      timestamp: pino.stdTimeFunctions.isoTime,
      mixin: readTraceId,
      formatters: { level: (label) => ({ level: label }) },
      // redact() has written errors out already.
      serializers: { err: (err: unknown) => err },
      hooks: {
        logMethod(args, method, level) {
          const [first, ...rest] = args as unknown as [unknown, ...unknown[]];
          const fields = first instanceof Error ? { err: first } : first;
          (method as (...values: unknown[]) => void).apply(this, [redact(fields, level <= DEBUG_LEVEL), ...rest]);
        },
      },
    },
    destination,
  );
}
