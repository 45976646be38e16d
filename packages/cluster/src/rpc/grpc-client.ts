import { Client, Metadata } from "@grpc/grpc-js";
import type { ServiceError } from "@grpc/grpc-js";
import { CodedError } from "@cation/service-kit/coded-error";
import type { ErrorCode } from "@cation/service-kit/coded-error";
import { currentSpan, finishWith } from "@cation/service-kit/span";
import type { Span } from "@cation/service-kit/span";
import { methodPath } from "./definition.ts";
import type { MethodDefinition, RequestOf, ResponseOf, ServiceDefinition, StreamMethodKey } from "./definition.ts";
import { DEFAULT_MAX_MESSAGE_BYTES } from "./duplex.ts";
import type { Duplex } from "./duplex.ts";
import { collectResponse, iterateDuplex } from "./duplex-iterable.ts";
import { GrpcClientDuplex } from "./grpc-duplex.ts";
import { toChannelOptions, toClientCredentials } from "./grpc-options.ts";
import type { GrpcOptions } from "./grpc-options.ts";
import { fromCallStatus } from "./rpc-error.ts";
import { decodeMessage, encodeMessage } from "./wire.ts";

export interface GrpcClientOptions extends GrpcOptions {
  /** How long a unary call may take. */
  readonly deadlineMs?: number;
  /** Calls and streams under way at the same time; more fail at once with the unavailable code. */
  readonly maxPendingCalls?: number;
  /** Code for a peer that cannot be reached: by default ISLB_UNAVAILABLE for islb's service, SFU_UNAVAILABLE for others. */
  readonly unavailableCode?: ErrorCode;
}

/** What a client of a service also has. */
export interface Closable {
  /** Ends the calls under way and the connection. Idempotent. */
  close(): void;
}

/**
 * A client of a service behind gRPC. Connects on the first call, reconnects by itself (0.1 s to 2 s between attempts);
 * calls made while the peer is away fail at once with the unavailable code.
 *
 * @param address `host:port`; a name with several addresses, or several `ip:port` separated by commas, are taken in turn,
 * leaving out those that do not answer.
 */
export function grpcClient<S extends object>(
  definition: ServiceDefinition,
  address: string,
  options: GrpcClientOptions = {},
): S & Closable {
  const connection = new GrpcConnection(address, options);
  return Object.assign(connection.client<S>(definition), { close: () => connection.close() });
}

/** One stream of bidirectional messages to a peer, on a connection that other streams to the same address share. */
export function openDuplex<D extends ServiceDefinition, K extends StreamMethodKey<D>>(
  definition: D,
  key: K,
  address: string,
  options: GrpcClientOptions = {},
): Duplex<RequestOf<D, K>, ResponseOf<D, K>> {
  const connection = new GrpcConnection(address, options);
  const duplex = connection.openDuplex(definition, key);
  connection.release();
  return duplex;
}

/** A connection to one peer, for the services and streams that it serves. */
export class GrpcConnection implements Closable {
  readonly #client: Client;
  readonly #options: GrpcClientOptions;
  readonly #maxBytes: number;
  readonly #calls = new Set<{ cancel(): void }>();
  #closed = false;

  constructor(address: string, options: GrpcClientOptions = {}) {
    this.#options = options;
    this.#maxBytes = options.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES;
    this.#client = new Client(toTarget(address), toClientCredentials(options.tls), {
      ...toChannelOptions(options),
      "grpc.keepalive_permit_without_calls": 1,
      "grpc.initial_reconnect_backoff_ms": 100,
      "grpc.max_reconnect_backoff_ms": 2_000,
      "grpc.service_config_disable_resolution": 1,
      "grpc.enable_http_proxy": 0,
      "grpc.service_config": JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
      ...(options.tls?.serverName !== undefined && { "grpc.ssl_target_name_override": options.tls.serverName }),
    });
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

  /** Makes no more calls, and closes when those under way are over. */
  release(): void {
    this.#closed = true;
    if (this.#calls.size === 0) this.#client.close();
  }

  close(): void {
    this.#closed = true;
    for (const call of this.#calls) call.cancel();
    this.#client.close();
  }

  #callEnded(call: { cancel(): void }): void {
    this.#calls.delete(call);
    if (this.#closed && this.#calls.size === 0) this.#client.close();
  }

  /** Throws unless another call may be made. Returns the code for a peer that cannot be reached. */
  #checkReady(definition: ServiceDefinition): ErrorCode {
    const fallback = definition.fullName.startsWith("cation.islb.") ? "ISLB_UNAVAILABLE" : "SFU_UNAVAILABLE";
    const unavailable = this.#options.unavailableCode ?? fallback;
    if (this.#closed) throw new CodedError(unavailable, "The client is closed.");
    if (this.#calls.size >= (this.#options.maxPendingCalls ?? 10_000))
      throw new CodedError(unavailable, "Too many calls are under way.");
    return unavailable;
  }

  async #unary(definition: ServiceDefinition, method: MethodDefinition, request: unknown): Promise<unknown> {
    const unavailable = this.#checkReady(definition);
    const bytes = encodeMessage(method.requestType, request, this.#maxBytes);
    const path = methodPath(definition, method);
    const span = currentSpan()?.child(path.slice(1), { kind: "client" });
    const response = await finishWith(span, () => this.#call(path, bytes, span, unavailable));
    return decodeMessage(method.responseType, response, this.#maxBytes);
  }

  #call(path: string, bytes: Uint8Array, span: Span | undefined, unavailable: ErrorCode): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const call = this.#client.makeUnaryRequest(
        path,
        toBuffer,
        toBytes,
        bytes,
        toMetadata(span),
        { deadline: Date.now() + (this.#options.deadlineMs ?? 5_000) },
        (error: ServiceError | null, value?: Uint8Array) => {
          this.#callEnded(call);
          if (error) reject(fromCallStatus(error, unavailable));
          else resolve(value as Uint8Array);
        },
      );
      this.#calls.add(call);
    });
  }

  #stream(definition: ServiceDefinition, method: MethodDefinition, requests: unknown): unknown {
    const responses = iterateDuplex(
      () => this.#open(definition, method),
      method.requestStream ? (requests as AsyncIterable<unknown>) : [requests],
    );
    return method.responseStream ? responses : collectResponse(responses);
  }

  #open(definition: ServiceDefinition, method: MethodDefinition): Duplex<unknown, unknown> {
    const unavailable = this.#checkReady(definition);
    const call = this.#client.makeBidiStreamRequest(
      methodPath(definition, method),
      toBuffer,
      toBytes,
      toMetadata(currentSpan()),
    );
    this.#calls.add(call);
    call.on("status", () => this.#callEnded(call));
    return new GrpcClientDuplex(call, method, this.#maxBytes, unavailable);
  }
}

/** Carries the trace (W3C Trace Context), where there is one. */
function toMetadata(span: Span | undefined): Metadata {
  const metadata = new Metadata();
  if (span !== undefined) metadata.set("traceparent", span.traceparent);
  return metadata;
}

/** grpc-js copies from Buffers only; this is a view, not a copy. */
export function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Decoding is ours, so that a malformed message has our code. */
export function toBytes(bytes: Buffer): Uint8Array {
  return bytes;
}

function toTarget(address: string): string {
  if (!address.includes(",")) return address;
  const family = address.includes("[") ? "ipv6" : "ipv4";
  return `${family}:${address.replaceAll(" ", "")}`;
}
