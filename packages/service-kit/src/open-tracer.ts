import type { Attributes, Context, Span as OtelSpan, SpanContext, Tracer as OtelTracer } from "@opentelemetry/api";
import { toCodedError } from "./coded-error.ts";
import type { Span, SpanAttributes, SpanOptions, Tracer } from "./span.ts";

export interface TracerOptions {
  /** "signal", "islb", "sfu". */
  readonly service: string;
  /** Of an OTLP receiver over HTTP: http://collector:4318/v1/traces. Undefined: no tracing. */
  readonly endpoint: string | undefined;
  /** Share of traces that are recorded, 0 … 1; whoever begins one decides. */
  readonly sampleRatio: number;
  /** Facts about this process: node id. */
  readonly attributes?: SpanAttributes;
}

type Api = typeof import("@opentelemetry/api");

/**
 * Opens tracing by OpenTelemetry, exported by OTLP. Undefined where no endpoint is set: nothing of OpenTelemetry is loaded
 * then, and nothing is done anywhere.
 */
export async function openTracer(options: TracerOptions): Promise<Tracer | undefined> {
  const { service, endpoint, sampleRatio, attributes = {} } = options;
  if (endpoint === undefined) return undefined;
  const [api, sdk, { OTLPTraceExporter }, { resourceFromAttributes }] = await Promise.all([
    import("@opentelemetry/api"),
    import("@opentelemetry/sdk-trace"),
    import("@opentelemetry/exporter-trace-otlp-http"),
    import("@opentelemetry/resources"),
  ]);
  const provider = new sdk.TracerProvider({
    resource: resourceFromAttributes({
      "service.name": `cation-${service}`,
      "service.namespace": "cation",
      ...attributes,
    }),
    sampler: new sdk.ParentBasedSampler({ root: new sdk.TraceIdRatioBasedSampler(sampleRatio) }),
    spanProcessors: [
      new sdk.BatchSpanProcessor({
        exporter: new OTLPTraceExporter({ url: endpoint }),
        maxQueueSize: 4096,
        scheduledDelayMillis: 1_000,
      }),
    ],
  });
  return new OpenTelemetryTracer(api, provider.getTracer("cation"), () => provider.shutdown());
}

class OpenTelemetryTracer implements Tracer {
  readonly #api: Api;
  readonly #tracer: OtelTracer;
  readonly #shutdown: () => Promise<void>;
  #closing: Promise<void> | undefined;

  constructor(api: Api, tracer: OtelTracer, shutdown: () => Promise<void>) {
    this.#api = api;
    this.#tracer = tracer;
    this.#shutdown = shutdown;
  }

  root(name: string, options: SpanOptions = {}): Span {
    return this.start(name, options, this.#api.ROOT_CONTEXT);
  }

  remote(traceparent: string | undefined): Span | undefined {
    const parsed = traceparent === undefined ? undefined : parseTraceparent(traceparent);
    if (parsed === undefined) return undefined;
    return new TracedSpan(this, this.#api, this.#api.trace.wrapSpanContext({ ...parsed, isRemote: true }));
  }

  close(): Promise<void> {
    // A collector that is away must not keep a service from stopping.
    this.#closing ??= this.#shutdown().catch(() => undefined);
    return this.#closing;
  }

  /** For spans of this tracer. */
  start(name: string, { kind = "internal", attributes = {}, startedAtMs }: SpanOptions, parent: Context): Span {
    const { SpanKind } = this.#api;
    const kinds = { internal: SpanKind.INTERNAL, server: SpanKind.SERVER, client: SpanKind.CLIENT };
    const options = {
      kind: kinds[kind],
      attributes: attributes as Attributes,
      ...(startedAtMs !== undefined && { startTime: startedAtMs }),
    };
    return new TracedSpan(this, this.#api, this.#tracer.startSpan(name, options, parent));
  }
}

class TracedSpan implements Span {
  readonly traceId: string;
  readonly traceparent: string;
  readonly #tracer: OpenTelemetryTracer;
  readonly #api: Api;
  readonly #span: OtelSpan;

  constructor(tracer: OpenTelemetryTracer, api: Api, span: OtelSpan) {
    const context = span.spanContext();
    this.#tracer = tracer;
    this.#api = api;
    this.#span = span;
    this.traceId = context.traceId;
    this.traceparent = formatTraceparent(context);
  }

  child(name: string, options: SpanOptions = {}): Span {
    return this.#tracer.start(name, options, this.#api.trace.setSpan(this.#api.ROOT_CONTEXT, this.#span));
  }

  set(attributes: SpanAttributes): void {
    this.#span.setAttributes(attributes as Attributes);
  }

  end(error?: unknown): void {
    if (error !== undefined) {
      const { code } = toCodedError(error);
      this.#span.setAttribute("error.type", code);
      this.#span.setStatus({ code: this.#api.SpanStatusCode.ERROR, message: code });
    }
    if (this.#span.isRecording()) this.#span.end();
  }
}

/** W3C Trace Context §3.2.2: 00-<trace id>-<parent id>-<flags>. Undefined where it is none that can be used. */
export function parseTraceparent(text: string): SpanContext | undefined {
  const [, traceId = "", spanId = "", flags = ""] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(text) ?? [];
  if (traceId === "" || /^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & 1 };
}

function formatTraceparent({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`;
}
