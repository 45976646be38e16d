import { CodedError } from "@cation/service-kit/coded-error";

/**
 * One end of a bidirectional stream of messages, without promises: for the relay, and for what is built on it.
 *
 * Whoever gets one sets the callbacks it wants in the same turn; nothing is delivered earlier. `onEnd`, then `onClose`,
 * are each called exactly once, whoever ended the call; after `onClose` nothing is called any more.
 */
export interface Duplex<Out, In> {
  /** A message of the peer. */
  onMessage: (message: In) => void;
  /** After `write` returned false: there is room again. */
  onDrain: () => void;
  /**
   * No message comes any more: the peer finished (undefined), or the call broke (its code). A server may still write
   * after the client finished.
   */
  onEnd: (error: CodedError | undefined) => void;
  /** The call is over in both directions. */
  onClose: () => void;

  /**
   * Sends a message. False: what was written before is still waiting; hold back until `onDrain`. The message is taken
   * nevertheless, up to a hard limit, past which the call ends with STREAM_OVERFLOW, since a stream never loses a message
   * in silence. After `end`, `abort` or `onClose` messages go nowhere and the answer is false.
   */
  write(message: Out): boolean;
  /** No more messages this way. What was written still goes out. A server's `end` ends the call. Idempotent. */
  end(): void;
  /** Ends the call at once, both ways. The peer gets the error (a server sees a client's as CALL_CANCELLED). Idempotent. */
  abort(error?: CodedError): void;
  /** Stops `onMessage`; the peer's writes fill its bounded queue. */
  pause(): void;
  resume(): void;
}

/** Takes the server's end of a new stream. */
export type ServeDuplex<Out, In> = (duplex: Duplex<Out, In>) => void;

/** Messages that wait in one direction before `write` says to hold back. */
export const WRITE_HIGH_WATER_MESSAGES = 16;

/** Messages that wait in one direction before the call ends with STREAM_OVERFLOW. */
export const WRITE_LIMIT_MESSAGES = 4096;

/** The largest message taken or sent, in bytes, unless an option says otherwise. */
export const DEFAULT_MAX_MESSAGE_BYTES = 8 * 1024 * 1024;

/** Callbacks of a Duplex and the promise that `onEnd` and `onClose` come once and in order. */
export abstract class DuplexCallbacks<In> {
  onMessage: (message: In) => void = () => {};
  onDrain: () => void = () => {};
  onEnd: (error: CodedError | undefined) => void = () => {};
  onClose: () => void = () => {};
  protected ended = false;
  protected closed = false;

  /** The peer sends no more. */
  protected finishInput(error: CodedError | undefined): void {
    if (this.ended) return;
    this.ended = true;
    this.onEnd(error);
  }

  /** The call is over. */
  protected finish(error: CodedError | undefined): void {
    if (this.closed) return;
    this.closed = true;
    this.finishInput(error);
    this.onClose();
  }
}

/** Why a call ended that its own side took back. */
export function cancelled(): CodedError {
  return new CodedError("CALL_CANCELLED");
}
