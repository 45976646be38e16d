import { CodedError, fromProtoError, toCodedError, toProtoError } from "@cation/service-kit/coded-error";
import type { MethodDefinition, RequestOf, ResponseOf, ServiceDefinition, StreamMethodKey } from "./definition.ts";
import {
  cancelled,
  DEFAULT_MAX_MESSAGE_BYTES,
  DuplexCallbacks,
  WRITE_HIGH_WATER_MESSAGES,
  WRITE_LIMIT_MESSAGES,
} from "./duplex.ts";
import type { Duplex, ServeDuplex } from "./duplex.ts";
import type { MessageType } from "./definition.ts";
import { decodeMessage, encodeMessage } from "./wire.ts";

export interface DirectDuplexOptions {
  readonly maxMessageBytes?: number;
}

/**
 * Opens a stream to a server in the same process: both ends of a pair. Messages are encoded and decoded, wait in bounded
 * queues and arrive in a later microtask, so that code sees what it would see over a socket.
 */
export function directDuplex<D extends ServiceDefinition, K extends StreamMethodKey<D>>(
  definition: D,
  key: K,
  serve: ServeDuplex<ResponseOf<D, K>, RequestOf<D, K>>,
  options: DirectDuplexOptions = {},
): Duplex<RequestOf<D, K>, ResponseOf<D, K>> {
  const method = definition.methods[key] as MethodDefinition;
  return openDirectDuplex(method, serve as ServeDuplex<unknown, unknown>, options) as Duplex<
    RequestOf<D, K>,
    ResponseOf<D, K>
  >;
}

/** directDuplex for a method that is only known at run time. */
export function openDirectDuplex(
  method: MethodDefinition,
  serve: ServeDuplex<unknown, unknown>,
  options: DirectDuplexOptions = {},
): Duplex<unknown, unknown> {
  const maxBytes = options.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES;
  const client = new DirectEnd("client", method.requestType, method.responseType, maxBytes);
  const server = new DirectEnd("server", method.responseType, method.requestType, maxBytes);
  client.connect(server);
  server.connect(client);
  try {
    serve(server);
  } catch (error) {
    server.abort(toCodedError(error));
  }
  return client;
}

class DirectEnd extends DuplexCallbacks<unknown> implements Duplex<unknown, unknown> {
  readonly #role: "client" | "server";
  readonly #outType: MessageType<unknown>;
  readonly #inType: MessageType<unknown>;
  readonly #maxBytes: number;
  #peer!: DirectEnd;
  /** Messages of the peer that wait for this end. */
  #inbox: Uint8Array[] = [];
  #head = 0;
  #paused = false;
  #scheduled = false;
  #peerHoldsBack = false;
  #peerFinished = false;
  #outputEnded = false;

  constructor(
    role: "client" | "server",
    outType: MessageType<unknown>,
    inType: MessageType<unknown>,
    maxBytes: number,
  ) {
    super();
    this.#role = role;
    this.#outType = outType;
    this.#inType = inType;
    this.#maxBytes = maxBytes;
  }

  connect(peer: DirectEnd): void {
    this.#peer = peer;
  }

  write(message: unknown): boolean {
    if (this.#outputEnded || this.closed) return false;
    try {
      return this.#peer.#receive(encodeMessage(this.#outType, message, this.#maxBytes));
    } catch (error) {
      this.abort(toCodedError(error));
      return false;
    }
  }

  end(): void {
    if (this.#outputEnded || this.closed) return;
    this.#outputEnded = true;
    this.#peer.#peerFinished = true;
    this.#peer.#schedule();
  }

  abort(error?: CodedError): void {
    if (this.closed) return;
    this.#outputEnded = true;
    const sent = this.#role === "client" ? cancelled() : (error ?? cancelled());
    const own = error ?? cancelled();
    queueMicrotask(() => {
      this.#peer.finish(fromProtoError(toProtoError(sent)));
      this.finish(own);
    });
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#schedule();
  }

  protected override finish(error: CodedError | undefined): void {
    this.#inbox = [];
    this.#head = 0;
    this.#outputEnded = true;
    super.finish(error);
  }

  get #waiting(): number {
    return this.#inbox.length - this.#head;
  }

  #receive(bytes: Uint8Array): boolean {
    if (this.closed) return false;
    if (this.#waiting >= WRITE_LIMIT_MESSAGES) throw new CodedError("STREAM_OVERFLOW");
    this.#inbox.push(bytes);
    this.#schedule();
    this.#peerHoldsBack = this.#waiting >= WRITE_HIGH_WATER_MESSAGES;
    return !this.#peerHoldsBack;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#deliver();
    });
  }

  #deliver(): void {
    while (!this.#paused && !this.closed && this.#waiting > 0) {
      const bytes = this.#inbox[this.#head] as Uint8Array;
      this.#head += 1;
      let message: unknown;
      try {
        message = decodeMessage(this.#inType, bytes, this.#maxBytes);
      } catch (error) {
        this.abort(toCodedError(error));
        return;
      }
      this.onMessage(message);
    }
    if (this.closed) return;
    if (this.#waiting === 0) this.#emptied();
  }

  #emptied(): void {
    this.#inbox = [];
    this.#head = 0;
    if (this.#peerHoldsBack) {
      this.#peerHoldsBack = false;
      if (!this.#peer.closed) this.#peer.onDrain();
    }
    if (this.#peerFinished) this.#peerHasFinished();
  }

  /** A client's end closes one direction, a server's the call. */
  #peerHasFinished(): void {
    if (this.#role === "server") return this.finishInput(undefined);
    this.finish(undefined);
    queueMicrotask(() => this.#peer.finish(undefined));
  }
}
