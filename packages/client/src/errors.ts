import type { Error as WireError } from "@cation/proto/common/v1/common";

/**
 * Codes that the SDK itself gives. Besides them a `CationError` carries any code of the server's (docs/errors.md).
 *
 * - `ABORTED`: the caller's AbortSignal fired.
 * - `CONNECTION_LOST`: the WebSocket closed or stayed silent.
 * - `SIGNAL_UNREACHABLE`: no WebSocket could be opened.
 * - `REQUEST_TIMED_OUT`: the server did not answer, twice.
 * - `TOO_MANY_REQUESTS_WAITING`: more unanswered requests than the queue holds.
 * - `SESSION_LOST`: the server gave the session up; a new one was made and the request was not carried over.
 * - `NOT_CONNECTED`: the room is not connected.
 * - `ALREADY_CONNECTED`: the room is connected, or connecting.
 * - `LEFT`: the room was left while the call was under way.
 * - `TOKEN_UNAVAILABLE`: the application's token function failed.
 * - `PROTOCOL_ERROR`: the server sent what this client does not understand.
 * - `NEGOTIATION_FAILED`: the browser refused a session description.
 * - `MEDIA_FAILED`: signalling works, but media cannot get through.
 * - `TRACK_NOT_PUBLISHED`: the track is not, or no longer, published.
 */
export type ClientErrorCode =
  | "ABORTED"
  | "CONNECTION_LOST"
  | "SIGNAL_UNREACHABLE"
  | "REQUEST_TIMED_OUT"
  | "TOO_MANY_REQUESTS_WAITING"
  | "SESSION_LOST"
  | "NOT_CONNECTED"
  | "ALREADY_CONNECTED"
  | "LEFT"
  | "TOKEN_UNAVAILABLE"
  | "PROTOCOL_ERROR"
  | "NEGOTIATION_FAILED"
  | "MEDIA_FAILED"
  | "TRACK_NOT_PUBLISHED";

const RETRYABLE: Readonly<Record<ClientErrorCode, boolean>> = {
  ABORTED: false,
  CONNECTION_LOST: true,
  SIGNAL_UNREACHABLE: true,
  REQUEST_TIMED_OUT: true,
  TOO_MANY_REQUESTS_WAITING: true,
  SESSION_LOST: true,
  NOT_CONNECTED: false,
  ALREADY_CONNECTED: false,
  LEFT: false,
  TOKEN_UNAVAILABLE: true,
  PROTOCOL_ERROR: true,
  NEGOTIATION_FAILED: true,
  MEDIA_FAILED: true,
  TRACK_NOT_PUBLISHED: false,
};

/** The only error that the SDK's promises reject with and its events carry. */
export class CationError extends Error {
  override readonly name = "CationError";
  /** Stable; one of `ClientErrorCode` or of the server's codes. */
  readonly code: string;
  /** Whether the same call may succeed later without a change. */
  readonly retryable: boolean;

  constructor(code: string, message: string, retryable: boolean, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.retryable = retryable;
  }
}

/** An error that the SDK found itself. */
export function clientError(code: ClientErrorCode, message: string, cause?: unknown): CationError {
  return new CationError(code, message, RETRYABLE[code], cause);
}

/** An error that the server sent. */
export function serverError(error: WireError): CationError {
  return new CationError(error.code || "INTERNAL", error.message || "The server reported an error.", error.retryable);
}

/** Anything thrown, as a `CationError`: one stays itself, all else becomes the cause of one with `code`. */
export function asCationError(thrown: unknown, code: ClientErrorCode, message: string): CationError {
  if (thrown instanceof CationError) return thrown;
  const detail = thrown instanceof Error ? `${message} (${thrown.name}: ${thrown.message})` : message;
  return clientError(code, detail, thrown);
}
