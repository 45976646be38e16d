import { createServer } from "node:http";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";

/** A span as a receiver of OTLP sees it. */
export interface CollectedSpan {
  readonly service: string;
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for a root. */
  readonly parentSpanId: string;
  readonly startMs: number;
  readonly endMs: number;
}

interface OtlpSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
}

interface OtlpRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly { readonly key: string; readonly value: object }[] };
    readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[];
  }[];
}

/** A receiver of OTLP over HTTP (JSON) on loopback. */
export class TraceCollector {
  readonly spans: CollectedSpan[] = [];
  readonly #server: Server;

  static async start(): Promise<TraceCollector> {
    const collector = new TraceCollector();
    await new Promise<void>((resolve) => collector.#server.listen(0, "127.0.0.1", resolve));
    return collector;
  }

  private constructor() {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        this.#take(JSON.parse(Buffer.concat(chunks).toString()) as OtlpRequest);
        response.setHeader("content-type", "application/json");
        response.end("{}");
      });
    });
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1/traces`;
  }

  /** The first span with this name in a trace. */
  find(traceId: string, name: string): CollectedSpan | undefined {
    return this.spans.find((span) => span.traceId === traceId && span.name === name);
  }

  /** From a span up to its root: "islb IslbService/Join". */
  pathOf(span: CollectedSpan): string[] {
    const path = [`${span.service}: ${span.name}`];
    const parent = this.spans.find(({ spanId }) => spanId === span.parentSpanId);
    return parent ? [...path, ...this.pathOf(parent)] : path;
  }

  stop(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  #take({ resourceSpans }: OtlpRequest): void {
    for (const { resource, scopeSpans } of resourceSpans) {
      const service = resource.attributes.find(({ key }) => key === "service.name")?.value;
      for (const { spans } of scopeSpans) for (const span of spans) this.spans.push(toCollected(service, span));
    }
  }
}

function toCollected(service: object | undefined, span: OtlpSpan): CollectedSpan {
  const { name, traceId, spanId, parentSpanId = "" } = span;
  return {
    service: String(Reflect.get(service ?? {}, "stringValue")),
    ...{ name, traceId, spanId, parentSpanId },
    startMs: Number(span.startTimeUnixNano) / 1e6,
    endMs: Number(span.endTimeUnixNano) / 1e6,
  };
}
