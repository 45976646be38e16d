import { fromProtoError, toCodedError, toProtoError } from "@cation/service-kit/coded-error";
import { CodedError } from "@cation/service-kit/coded-error";
import type { MessageType, MethodDefinition } from "./definition.ts";
import { cancelled, DuplexCallbacks, WRITE_HIGH_WATER_MESSAGES, WRITE_LIMIT_MESSAGES } from "./duplex.ts";
import type { Duplex } from "./duplex.ts";
import type { ClientFrame, ServerFrame } from "./message-port-frame.ts";
import { decodeMessage, encodeMessage } from "./wire.ts";

/** Taken messages are told in lots of so many: half of what may wait, so that a writer never waits for the rest. */
const TAKEN_LOT = WRITE_HIGH_WATER_MESSAGES / 2;

/** What an end of a stream needs of its connection. */
export interface PortDuplexOptions {
  readonly role: "client" | "server";
  readonly id: number;
  readonly method: MethodDefinition;
  readonly maxMessageBytes: number;
  readonly post: (frame: ClientFrame | ServerFrame) => void;
  /** The call is over in both directions. */
  readonly onOver: () => void;
}

/**
 * One end of a stream over a MessagePort. A port has no back-pressure of its own, so each end counts what it wrote and
 * the other has not taken yet.
 */
export class PortDuplex extends DuplexCallbacks<unknown> implements Duplex<unknown, unknown> {
  readonly #options: PortDuplexOptions;
  readonly #outType: MessageType<unknown>;
  readonly #inType: MessageType<unknown>;
  /** Messages of the peer that wait for this end. */
  #inbox: Uint8Array[] = [];
  #head = 0;
  /** Messages taken, of which the peer was not told yet. */
  #taken = 0;
  /** Messages written, of which the peer did not say that it took them. */
  #outstanding = 0;
  #holdsBack = false;
  #paused = false;
  #scheduled = false;
  #aborted = false;
  #outputEnded = false;
  #peerFinished = false;

  constructor(options: PortDuplexOptions) {
    super();
    const { role, method } = options;
    this.#options = options;
    this.#outType = role === "client" ? method.requestType : method.responseType;
    this.#inType = role === "client" ? method.responseType : method.requestType;
  }

  write(message: unknown): boolean {
    if (this.#outputEnded || this.closed) return false;
    const { id, maxMessageBytes, post } = this.#options;
    try {
      if (this.#outstanding >= WRITE_LIMIT_MESSAGES) throw new CodedError("STREAM_OVERFLOW");
      post({ kind: "message", id, bytes: encodeMessage(this.#outType, message, maxMessageBytes) });
    } catch (error) {
      this.abort(toCodedError(error));
      return false;
    }
    this.#outstanding += 1;
    this.#holdsBack ||= this.#outstanding >= WRITE_HIGH_WATER_MESSAGES;
    return !this.#holdsBack;
  }

  end(): void {
    if (this.#outputEnded || this.closed) return;
    this.#outputEnded = true;
    this.#options.post({ kind: "end", id: this.#options.id });
  }

  abort(error: CodedError = cancelled()): void {
    if (this.closed || this.#aborted) return;
    this.#aborted = true;
    this.#outputEnded = true;
    const { role, id, post } = this.#options;
    post(role === "client" ? { kind: "abort", id } : { kind: "failed", id, error: toProtoError(error) });
    queueMicrotask(() => this.finish(error));
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#deliver();
    });
  }

  /** A frame of the peer for this call. */
  receive(frame: ClientFrame | ServerFrame): void {
    if (this.closed || this.#aborted) return;
    switch (frame.kind) {
      case "message":
        this.#inbox.push(frame.bytes);
        return this.#deliver();
      case "taken":
        return this.#peerTook(frame.count);
      case "end":
        this.#peerFinished = true;
        return this.#deliver();
      case "failed":
        return this.finish(fromProtoError(frame.error));
      case "abort":
        return this.finish(cancelled());
      case "closed":
        return this.finish(undefined);
      default:
    }
  }

  /** The connection is gone. */
  lose(error: CodedError): void {
    this.finish(error);
  }

  protected override finish(error: CodedError | undefined): void {
    if (this.closed) return;
    this.#inbox = [];
    this.#head = 0;
    this.#outputEnded = true;
    this.#options.onOver();
    super.finish(error);
  }

  #peerTook(count: number): void {
    this.#outstanding -= count;
    if (!this.#holdsBack || this.#outstanding > TAKEN_LOT || this.#outputEnded) return;
    this.#holdsBack = false;
    this.onDrain();
  }

  #deliver(): void {
    while (!this.#paused && !this.closed && !this.#aborted && this.#head < this.#inbox.length) {
      const bytes = this.#inbox[this.#head];
      this.#head += 1;
      this.#take();
      let message: unknown;
      try {
        message = decodeMessage(this.#inType, bytes, this.#options.maxMessageBytes);
      } catch (error) {
        return this.abort(toCodedError(error));
      }
      this.onMessage(message);
    }
    if (this.#head < this.#inbox.length) return;
    this.#inbox = [];
    this.#head = 0;
    if (this.#peerFinished && !this.closed && !this.#aborted) this.#peerHasFinished();
  }

  #take(): void {
    this.#taken += 1;
    if (this.#taken < TAKEN_LOT) return;
    this.#options.post({ kind: "taken", id: this.#options.id, count: this.#taken });
    this.#taken = 0;
  }

  /** A client's end closes one direction, a server's the call. */
  #peerHasFinished(): void {
    const { role, id, post } = this.#options;
    if (role === "server") return this.finishInput(undefined);
    post({ kind: "closed", id });
    this.finish(undefined);
  }
}
