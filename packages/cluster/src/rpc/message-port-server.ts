import type { MessagePort } from "node:worker_threads";
import { CodedError, toCodedError, toProtoError } from "@cation/service-kit/coded-error";
import { runInSpan } from "@cation/service-kit/span";
import type { Tracer } from "@cation/service-kit/span";
import { methodPath } from "./definition.ts";
import type { MethodDefinition, RequestOf, ResponseOf, ServiceDefinition, StreamMethodKey } from "./definition.ts";
import { cancelled, DEFAULT_MAX_MESSAGE_BYTES } from "./duplex.ts";
import type { ServeDuplex } from "./duplex.ts";
import { callUnary, serveStream } from "./implementation.ts";
import type { ReportInternalError } from "./implementation.ts";
import { PortDuplex } from "./message-port-duplex.ts";
import { postFrame } from "./message-port-frame.ts";
import type { ClientFrame } from "./message-port-frame.ts";
import { decodeMessage, encodeMessage } from "./wire.ts";

export interface MessagePortServerOptions {
  readonly maxMessageBytes?: number;
  /** Told of exceptions without a code; the caller sees INTERNAL. */
  readonly onInternalError?: ReportInternalError;
  /** Takes up the traces of callers. */
  readonly tracer?: Tracer | undefined;
}

/** Serves one service to the thread at the other end of a port that nothing else uses. */
export function serveMessagePort<S extends object>(
  port: MessagePort,
  definition: ServiceDefinition,
  implementation: NoInfer<S>,
  options: MessagePortServerOptions = {},
): MessagePortServer {
  const server = new MessagePortServer(port, options);
  server.add(definition, implementation);
  return server;
}

type CallUnary = (request: Uint8Array) => Promise<Uint8Array>;

interface StreamMethod {
  readonly method: MethodDefinition;
  readonly serve: ServeDuplex<unknown, unknown>;
}

/**
 * The serving end of a MessagePort (see MessagePortConnection). Add everything in the turn that makes it. When the
 * calling thread dies, its streams end as cancelled.
 */
export class MessagePortServer {
  readonly #port: MessagePort;
  readonly #options: MessagePortServerOptions;
  readonly #maxBytes: number;
  readonly #unary = new Map<string, CallUnary>();
  readonly #streamed = new Map<string, StreamMethod>();
  readonly #streams = new Map<number, PortDuplex>();

  constructor(port: MessagePort, options: MessagePortServerOptions = {}) {
    this.#port = port;
    this.#options = options;
    this.#maxBytes = options.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES;
    port.on("message", (frame: ClientFrame) => this.#receive(frame));
    port.on("close", () => this.#lost());
  }

  /** Serves the methods of a service with the members of an object that have their names. */
  add<S extends object>(definition: ServiceDefinition, implementation: S): void {
    const { onInternalError } = this.#options;
    for (const [key, method] of Object.entries(definition.methods)) {
      if (method.requestStream || method.responseStream) {
        this.#serveStream(definition, method, (duplex) =>
          serveStream(method, implementation, key, duplex, onInternalError),
        );
      } else {
        this.#unary.set(methodPath(definition, method), (request) => this.#call(method, key, implementation, request));
      }
    }
  }

  /** Serves one streaming method with callbacks instead of iterables. Not together with `add` for the same method. */
  serveDuplex<D extends ServiceDefinition, K extends StreamMethodKey<D>>(
    definition: D,
    key: K,
    serve: ServeDuplex<ResponseOf<D, K>, RequestOf<D, K>>,
  ): void {
    this.#serveStream(definition, definition.methods[key] as MethodDefinition, serve as ServeDuplex<unknown, unknown>);
  }

  /** Ends every call; the client sees its thread gone. Idempotent. */
  close(): void {
    this.#lost();
    this.#port.close();
  }

  #serveStream(definition: ServiceDefinition, method: MethodDefinition, serve: ServeDuplex<unknown, unknown>): void {
    this.#streamed.set(methodPath(definition, method), { method, serve });
  }

  async #call(method: MethodDefinition, key: string, implementation: object, request: Uint8Array): Promise<Uint8Array> {
    const decoded = decodeMessage(method.requestType, request, this.#maxBytes);
    const response = await callUnary(implementation, key, decoded, this.#options.onInternalError);
    return encodeMessage(method.responseType, response, this.#maxBytes);
  }

  #receive(frame: ClientFrame): void {
    const { tracer } = this.#options;
    switch (frame.kind) {
      case "call":
        return runInSpan(tracer?.remote(frame.trace), () => this.#answer(frame.id, frame.path, frame.bytes));
      case "open":
        return runInSpan(tracer?.remote(frame.trace), () => this.#open(frame.id, frame.path));
      default:
        this.#streams.get(frame.id)?.receive(frame);
    }
  }

  #answer(id: number, path: string, request: Uint8Array): void {
    const call = this.#unary.get(path);
    if (!call) return this.#fail(id, unknownMethod(path));
    call(request).then(
      (bytes) => postFrame(this.#port, { kind: "answer", id, bytes }),
      (error: unknown) => this.#fail(id, error),
    );
  }

  #open(id: number, path: string): void {
    const streamed = this.#streamed.get(path);
    if (!streamed) return this.#fail(id, unknownMethod(path));
    const duplex = new PortDuplex({
      role: "server",
      id,
      method: streamed.method,
      maxMessageBytes: this.#maxBytes,
      post: (frame) => postFrame(this.#port, frame),
      onOver: () => this.#streams.delete(id),
    });
    this.#streams.set(id, duplex);
    try {
      streamed.serve(duplex);
    } catch (error) {
      this.#options.onInternalError?.(error, streamed.method.name);
      duplex.abort(toCodedError(error));
    }
  }

  #fail(id: number, error: unknown): void {
    postFrame(this.#port, { kind: "failed", id, error: toProtoError(error) });
  }

  #lost(): void {
    for (const duplex of [...this.#streams.values()]) duplex.lose(cancelled());
  }
}

function unknownMethod(path: string): CodedError {
  return new CodedError("MESSAGE_UNKNOWN", `Nothing serves ${path} here.`);
}
