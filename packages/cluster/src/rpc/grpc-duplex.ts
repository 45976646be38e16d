import type { ClientDuplexStream, ServerDuplexStream, StatusObject } from "@grpc/grpc-js";
import { status } from "@grpc/grpc-js";
import { CodedError, toCodedError } from "@cation/service-kit/coded-error";
import type { ErrorCode } from "@cation/service-kit/coded-error";
import type { MethodDefinition, MessageType } from "./definition.ts";
import { cancelled, DuplexCallbacks, WRITE_HIGH_WATER_MESSAGES, WRITE_LIMIT_MESSAGES } from "./duplex.ts";
import type { Duplex } from "./duplex.ts";
import { fromCallStatus, toServiceError } from "./rpc-error.ts";
import { decodeMessage, encodeMessage } from "./wire.ts";

/** A stream of grpc-js whose messages are bytes. */
type ByteStream = ClientDuplexStream<Uint8Array, Uint8Array> | ServerDuplexStream<Uint8Array, Uint8Array>;

/** What both ends over gRPC do alike: encode, decode, bound. */
abstract class GrpcEnd extends DuplexCallbacks<unknown> implements Duplex<unknown, unknown> {
  protected outputEnded = false;
  readonly #stream: ByteStream;
  readonly #outType: MessageType<unknown>;
  readonly #inType: MessageType<unknown>;
  readonly #maxBytes: number;

  constructor(stream: ByteStream, outType: MessageType<unknown>, inType: MessageType<unknown>, maxBytes: number) {
    super();
    this.#stream = stream;
    this.#outType = outType;
    this.#inType = inType;
    this.#maxBytes = maxBytes;
    stream.on("data", (bytes: Uint8Array) => this.#receive(bytes));
    stream.on("drain", () => {
      if (!this.closed) this.onDrain();
    });
  }

  abstract abort(error?: CodedError): void;

  write(message: unknown): boolean {
    if (this.outputEnded || this.closed) return false;
    try {
      if (this.#stream.writableLength >= WRITE_LIMIT_MESSAGES) throw new CodedError("STREAM_OVERFLOW");
      this.#stream.write(encodeMessage(this.#outType, message, this.#maxBytes));
    } catch (error) {
      this.abort(toCodedError(error));
      return false;
    }
    return this.#stream.writableLength < WRITE_HIGH_WATER_MESSAGES;
  }

  end(): void {
    if (this.outputEnded || this.closed) return;
    this.outputEnded = true;
    this.#stream.end();
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  #receive(bytes: Uint8Array): void {
    if (this.closed || this.ended) return;
    let message: unknown;
    try {
      message = decodeMessage(this.#inType, bytes, this.#maxBytes);
    } catch (error) {
      this.abort(toCodedError(error));
      return;
    }
    this.onMessage(message);
  }
}

/** The client's end of a stream over gRPC. */
export class GrpcClientDuplex extends GrpcEnd {
  readonly #call: ClientDuplexStream<Uint8Array, Uint8Array>;
  #abortedWith: CodedError | undefined;

  constructor(
    call: ClientDuplexStream<Uint8Array, Uint8Array>,
    method: MethodDefinition,
    maxBytes: number,
    unavailable: ErrorCode,
  ) {
    super(call, method.requestType, method.responseType, maxBytes);
    this.#call = call;
    let succeeded = false;
    let readAll = false;
    // A good status may overtake messages that a paused reader has not taken yet.
    call.on("end", () => {
      readAll = true;
      if (succeeded) this.finish(undefined);
    });
    call.on("status", (ended: StatusObject) => {
      if (ended.code === status.OK && !this.#abortedWith) {
        succeeded = true;
        if (readAll) this.finish(undefined);
      } else {
        this.finish(this.#abortedWith ?? fromCallStatus(ended, unavailable));
      }
    });
    // The status says it too.
    call.on("error", () => {});
  }

  abort(error?: CodedError): void {
    if (this.closed || this.#abortedWith) return;
    this.#abortedWith = error ?? cancelled();
    this.outputEnded = true;
    this.#call.cancel();
  }
}

/** The server's end of a stream over gRPC. */
export class GrpcServerDuplex extends GrpcEnd {
  readonly #call: ServerDuplexStream<Uint8Array, Uint8Array>;
  #abortedWith: CodedError | undefined;

  constructor(call: ServerDuplexStream<Uint8Array, Uint8Array>, method: MethodDefinition, maxBytes: number) {
    super(call, method.responseType, method.requestType, maxBytes);
    this.#call = call;
    // A reset stream ends first and says so afterwards, in the same turn.
    call.on("end", () => setImmediate(() => this.finishInput(undefined)));
    call.on("cancelled", () => this.finish(this.#abortedWith ?? cancelled()));
    call.on("finish", () => this.finish(this.#abortedWith));
    // grpc-js ends the call with the status of an emitted error; without a listener of ours it works just as well, but a
    // stream destroyed by the peer must not surface as an uncaught exception.
    call.on("error", () => {});
  }

  abort(error?: CodedError): void {
    if (this.closed || this.#abortedWith) return;
    this.#abortedWith = error ?? cancelled();
    this.outputEnded = true;
    // Where grpc-js takes the final status of a server stream from. What was written before goes out first.
    this.#call.emit("error", toServiceError(this.#abortedWith));
  }
}
