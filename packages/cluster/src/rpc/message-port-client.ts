import type { MessagePort } from "node:worker_threads";
import { systemClock } from "@cation/service-kit/clock";
import type { Clock, Timer } from "@cation/service-kit/clock";
import { CodedError, fromProtoError } from "@cation/service-kit/coded-error";
import type { ErrorCode } from "@cation/service-kit/coded-error";
import { currentSpan } from "@cation/service-kit/span";
import { methodPath } from "./definition.ts";
import type { MethodDefinition, RequestOf, ResponseOf, ServiceDefinition, StreamMethodKey } from "./definition.ts";
import { DEFAULT_MAX_MESSAGE_BYTES } from "./duplex.ts";
import type { Duplex } from "./duplex.ts";
import { collectResponse, iterateDuplex } from "./duplex-iterable.ts";
import type { Closable } from "./grpc-client.ts";
import { PortDuplex } from "./message-port-duplex.ts";
import { postFrame } from "./message-port-frame.ts";
import type { ServerFrame } from "./message-port-frame.ts";
import { decodeMessage, encodeMessage } from "./wire.ts";

export interface MessagePortClientOptions {
  /** How long a unary call may take. */
  readonly deadlineMs?: number;
  readonly maxMessageBytes?: number;
  /** Calls and streams under way at the same time; more fail at once with the unavailable code. */
  readonly maxPendingCalls?: number;
  /** Code for calls whose thread is gone. Default SFU_UNAVAILABLE. */
  readonly unavailableCode?: ErrorCode;
  readonly clock?: Clock;
}

/** A client of a service in another thread of this process, over a port that serves it and nothing else uses. */
export function messagePortClient<S extends object>(
  port: MessagePort,
  definition: ServiceDefinition,
  options: MessagePortClientOptions = {},
): S & Closable {
  const connection = new MessagePortConnection(port, options);
  return Object.assign(connection.client<S>(definition), { close: () => connection.close() });
}

interface PendingCall {
  readonly timer: Timer;
  resolve(bytes: Uint8Array): void;
  reject(error: CodedError): void;
}

/**
 * The calling end of a MessagePort: for all services that the thread at its other end serves (MessagePortServer). When
 * that thread dies, every call under way ends with the unavailable code, and so does each later one.
 */
export class MessagePortConnection implements Closable {
  readonly #port: MessagePort;
  readonly #options: MessagePortClientOptions;
  readonly #maxBytes: number;
  readonly #pending = new Map<number, PendingCall>();
  readonly #streams = new Map<number, PortDuplex>();
  #lastId = 0;
  #closed = false;

  constructor(port: MessagePort, options: MessagePortClientOptions = {}) {
    this.#port = port;
    this.#options = options;
    this.#maxBytes = options.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES;
    port.on("message", (frame: ServerFrame) => this.#receive(frame));
    port.on("close", () => this.#lost("The thread is gone."));
  }

  /** Whether the thread is gone, or was taken leave of. */
  get closed(): boolean {
    return this.#closed;
  }

  /** A client of one service. */
  client<S extends object>(definition: ServiceDefinition): S {
    const client: Record<string, unknown> = {};
    for (const [key, method] of Object.entries(definition.methods)) {
      client[key] =
        method.requestStream || method.responseStream
          ? (requests: unknown) => this.#stream(definition, method, requests)
          : (request: unknown) => this.#unary(definition, method, request);
    }
    return client as S;
  }

  openDuplex<D extends ServiceDefinition, K extends StreamMethodKey<D>>(
    definition: D,
    key: K,
  ): Duplex<RequestOf<D, K>, ResponseOf<D, K>> {
    const method = definition.methods[key] as MethodDefinition;
    return this.#open(definition, method) as Duplex<RequestOf<D, K>, ResponseOf<D, K>>;
  }

  close(): void {
    this.#lost("The client is closed.");
    this.#port.close();
  }

  async #unary(definition: ServiceDefinition, method: MethodDefinition, request: unknown): Promise<unknown> {
    const id = this.#begin();
    const bytes = encodeMessage(method.requestType, request, this.#maxBytes);
    const { deadlineMs = 5_000, clock = systemClock } = this.#options;
    const answer = Promise.withResolvers<Uint8Array>();
    const timer = clock.setTimer(deadlineMs, () => {
      this.#pending.delete(id);
      answer.reject(new CodedError("DEADLINE_EXCEEDED"));
    });
    this.#pending.set(id, { timer, resolve: answer.resolve, reject: answer.reject });
    postFrame(this.#port, { kind: "call", id, path: methodPath(definition, method), bytes, ...readTrace() });
    return decodeMessage(method.responseType, await answer.promise, this.#maxBytes);
  }

  #stream(definition: ServiceDefinition, method: MethodDefinition, requests: unknown): unknown {
    const responses = iterateDuplex(
      () => this.#open(definition, method),
      method.requestStream ? (requests as AsyncIterable<unknown>) : [requests],
    );
    return method.responseStream ? responses : collectResponse(responses);
  }

  #open(definition: ServiceDefinition, method: MethodDefinition): Duplex<unknown, unknown> {
    const id = this.#begin();
    const duplex = new PortDuplex({
      role: "client",
      id,
      method,
      maxMessageBytes: this.#maxBytes,
      post: (frame) => postFrame(this.#port, frame),
      onOver: () => this.#streams.delete(id),
    });
    this.#streams.set(id, duplex);
    postFrame(this.#port, { kind: "open", id, path: methodPath(definition, method), ...readTrace() });
    return duplex;
  }

  /** The number of a new call. Throws where none may be made. */
  #begin(): number {
    if (this.#closed) throw this.#unavailable("The thread is gone.");
    if (this.#pending.size + this.#streams.size >= (this.#options.maxPendingCalls ?? 10_000))
      throw this.#unavailable("Too many calls are under way.");
    this.#lastId += 1;
    return this.#lastId;
  }

  #receive(frame: ServerFrame): void {
    switch (frame.kind) {
      case "answer":
        return this.#takePending(frame.id)?.resolve(frame.bytes);
      case "failed":
        if (this.#pending.has(frame.id)) this.#takePending(frame.id)?.reject(fromProtoError(frame.error));
        else this.#streams.get(frame.id)?.receive(frame);
        return;
      default:
        this.#streams.get(frame.id)?.receive(frame);
    }
  }

  #takePending(id: number): PendingCall | undefined {
    const call = this.#pending.get(id);
    this.#pending.delete(id);
    call?.timer.cancel();
    return call;
  }

  #lost(why: string): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const id of [...this.#pending.keys()]) this.#takePending(id)?.reject(this.#unavailable(why));
    for (const duplex of [...this.#streams.values()]) duplex.lose(this.#unavailable(why));
  }

  #unavailable(why: string): CodedError {
    return new CodedError(this.#options.unavailableCode ?? "SFU_UNAVAILABLE", why);
  }
}

function readTrace(): { trace?: string } {
  const trace = currentSpan()?.traceparent;
  return trace === undefined ? {} : { trace };
}
