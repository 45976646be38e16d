import { Server } from "@grpc/grpc-js";
import type { Metadata, sendUnaryData, ServerDuplexStream, ServerUnaryCall } from "@grpc/grpc-js";
import { CodedError, toCodedError } from "@cation/service-kit/coded-error";
import { finishWith, runInSpan } from "@cation/service-kit/span";
import type { Span, Tracer } from "@cation/service-kit/span";
import { methodPath } from "./definition.ts";
import type { MethodDefinition, RequestOf, ResponseOf, ServiceDefinition, StreamMethodKey } from "./definition.ts";
import { DEFAULT_MAX_MESSAGE_BYTES } from "./duplex.ts";
import type { ServeDuplex } from "./duplex.ts";
import { toBuffer, toBytes } from "./grpc-client.ts";
import { GrpcServerDuplex } from "./grpc-duplex.ts";
import { toChannelOptions, toServerCredentials } from "./grpc-options.ts";
import type { GrpcOptions } from "./grpc-options.ts";
import { callUnary, serveStream } from "./implementation.ts";
import type { ReportInternalError } from "./implementation.ts";
import { toServiceError } from "./rpc-error.ts";
import { decodeMessage, encodeMessage } from "./wire.ts";

export interface GrpcServerOptions extends GrpcOptions {
  /** Told of exceptions without a code; the caller sees INTERNAL. */
  readonly onInternalError?: ReportInternalError;
  /** Takes up the traces of callers. */
  readonly tracer?: Tracer | undefined;
}

/** Serves services over gRPC. Add everything, then listen. */
export class GrpcServer {
  readonly #server: Server;
  readonly #options: GrpcServerOptions;
  readonly #maxBytes: number;
  #drained: Promise<void> | undefined;

  constructor(options: GrpcServerOptions = {}) {
    this.#options = options;
    this.#maxBytes = options.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES;
    this.#server = new Server(toChannelOptions(options));
  }

  /** Serves the methods of a service with the members of an object that have their names. */
  add<S extends object>(definition: ServiceDefinition, implementation: S): void {
    for (const [key, method] of Object.entries(definition.methods)) {
      if (method.requestStream || method.responseStream) {
        this.#serveStream(definition, method, (duplex) =>
          serveStream(method, implementation, key, duplex, this.#options.onInternalError),
        );
      } else {
        this.#serveUnary(definition, method, key, implementation);
      }
    }
  }

  /** Serves one streaming method with callbacks instead of iterables. Not together with `add` for the same method. */
  serveDuplex<D extends ServiceDefinition, K extends StreamMethodKey<D>>(
    definition: D,
    key: K,
    serve: ServeDuplex<ResponseOf<D, K>, RequestOf<D, K>>,
  ): void {
    const method = definition.methods[key] as MethodDefinition;
    this.#serveStream(definition, method, serve as ServeDuplex<unknown, unknown>);
  }

  /** Binds and serves. Resolves with the port; 0 asks the kernel for one. CONFIG_INVALID when it cannot be bound. */
  listen(host: string, port: number): Promise<number> {
    const address = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(address, toServerCredentials(this.#options.tls), (cause, boundPort) => {
        if (!cause) return resolve(boundPort);
        reject(new CodedError("CONFIG_INVALID", `Cannot listen on ${address}: ${cause.message}`, { cause }));
      });
    });
  }

  /** Takes no new calls and resolves when those under way are over. Idempotent. */
  drain(): Promise<void> {
    this.#drained ??= new Promise((resolve) => this.#server.tryShutdown(() => resolve()));
    return this.#drained;
  }

  /** Ends every call and connection at once. Idempotent. */
  close(): Promise<void> {
    this.#server.forceShutdown();
    return this.drain();
  }

  #serveUnary(definition: ServiceDefinition, method: MethodDefinition, key: string, implementation: object): void {
    const handle = async (request: Uint8Array): Promise<Uint8Array> => {
      const decoded = decodeMessage(method.requestType, request, this.#maxBytes);
      const response = await callUnary(implementation, key, decoded, this.#options.onInternalError);
      return encodeMessage(method.responseType, response, this.#maxBytes);
    };
    const path = methodPath(definition, method);
    const handleTraced = (request: Uint8Array, metadata: Metadata): Promise<Uint8Array> => {
      const span = this.#callerOf(metadata)?.child(path.slice(1), { kind: "server" });
      return finishWith(span, () => runInSpan(span, () => handle(request)));
    };
    this.#server.register(
      path,
      (call: ServerUnaryCall<Uint8Array, Uint8Array>, respond: sendUnaryData<Uint8Array>) => {
        handleTraced(call.request, call.metadata).then(
          (response) => respond(null, response),
          (error: unknown) => respond(toServiceError(toCodedError(error))),
        );
      },
      toBuffer,
      toBytes,
      "unary",
    );
  }

  /** The span of the caller, where it is traced and we trace. */
  #callerOf(metadata: Metadata): Span | undefined {
    const { tracer } = this.#options;
    return tracer?.remote(metadata.get("traceparent")[0]?.toString());
  }

  #serveStream(definition: ServiceDefinition, method: MethodDefinition, serve: ServeDuplex<unknown, unknown>): void {
    this.#server.register(
      methodPath(definition, method),
      (call: ServerDuplexStream<Uint8Array, Uint8Array>) => {
        const duplex = new GrpcServerDuplex(call, method, this.#maxBytes);
        try {
          runInSpan(this.#callerOf(call.metadata), () => serve(duplex));
        } catch (error) {
          this.#options.onInternalError?.(error, method.name);
          duplex.abort(toCodedError(error));
        }
      },
      toBuffer,
      toBytes,
      "bidi",
    );
  }
}
