import { AsyncLocalStorage } from "node:async_hooks";

/** Facts of a span: ids, codes and counts; never names, addresses or tokens. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

export interface SpanOptions {
  readonly kind?: "internal" | "server" | "client";
  readonly attributes?: SpanAttributes;
  /** When it began, where that was earlier. Wall clock. */
  readonly startedAtMs?: number;
}

/** A piece of work in a trace. All methods may be called on one that is not recorded. */
export interface Span {
  readonly traceId: string;
  /** What carries it to another process (W3C Trace Context §3.2). */
  readonly traceparent: string;
  child(name: string, options?: SpanOptions): Span;
  set(attributes: SpanAttributes): void;
  /** Idempotent. @param error what it ended with */
  end(error?: unknown): void;
}

/** Begins traces, and takes up those of others. Where tracing is off there is none. */
export interface Tracer {
  root(name: string, options?: SpanOptions): Span;
  /** Stands for a span of another process; undefined where the text is none. */
  remote(traceparent: string | undefined): Span | undefined;
  /** Sends what waits. Idempotent; never rejects. */
  close(): Promise<void>;
}

const scope = new AsyncLocalStorage<Span>();

/** The span that the present work belongs to; always undefined where tracing is off. */
export function currentSpan(): Span | undefined {
  return scope.getStore();
}

/** Does work, and all that it causes, in a span; without one, just does it. The span is not ended. */
export function runInSpan<T>(span: Span | undefined, work: () => T): T {
  return span === undefined ? work() : scope.run(span, work);
}

/** Does work that belongs to no span, whatever the present one. For what goes on long after it. */
export function runOutsideSpan<T>(work: () => T): T {
  return scope.exit(work);
}

/** Does work in a child of the current span, which ends with it. Without a current span, just does it. */
export async function traced<T>(name: string, options: SpanOptions, work: () => Promise<T>): Promise<T> {
  const span = currentSpan()?.child(name, options);
  if (span === undefined) return work();
  return finishWith(span, () => runInSpan(span, work));
}

/** Does work and ends the span as it ended. */
export async function finishWith<T>(span: Span | undefined, work: () => Promise<T>): Promise<T> {
  try {
    const result = await work();
    span?.end();
    return result;
  } catch (error) {
    span?.end(error);
    throw error;
  }
}
