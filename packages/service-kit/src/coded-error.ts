/** gRPC status codes that our errors use (grpc/doc/statuscodes.md). */
export const GrpcStatus = {
  CANCELLED: 1,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
} as const;
export type GrpcStatus = (typeof GrpcStatus)[keyof typeof GrpcStatus];

/** What a code means to each of its readers. */
export interface ErrorCodeInfo {
  readonly grpcStatus: GrpcStatus;
  readonly httpStatus: number;
  /** Whether the same call may succeed later without a change. */
  readonly retryable: boolean;
  /** What happened and what to do about it, for a reader who knows no more than the code. */
  readonly explanation: string;
}

function info(grpcStatus: GrpcStatus, httpStatus: number, retryable: boolean, explanation: string): ErrorCodeInfo {
  return { grpcStatus, httpStatus, retryable, explanation };
}

const S = GrpcStatus;

/**
 * Every error code of the system. Codes are never reused or given another meaning. docs/errors.md has a row for each;
 * coded-error.test.ts holds the two together.
 */
export const ERROR_CODES = {
  TOKEN_MISSING: info(S.UNAUTHENTICATED, 401, false, "No token was sent. Ask your application for one."),
  TOKEN_INVALID: info(S.UNAUTHENTICATED, 401, false, "The token is not one of ours, was changed, or lacks a claim."),
  TOKEN_EXPIRED: info(S.UNAUTHENTICATED, 401, false, "The token is past its time. Get a new one and send it."),
  TOKEN_WRONG_ROOM: info(S.PERMISSION_DENIED, 403, false, "The token is for another room or another identity."),
  TOKEN_KEYS_UNAVAILABLE: info(S.UNAVAILABLE, 503, true, "The keys that tokens are checked with cannot be read now."),
  PERMISSION_DENIED: info(S.PERMISSION_DENIED, 403, false, "The token does not grant this."),
  MESSAGE_MALFORMED: info(S.INVALID_ARGUMENT, 400, false, "The message cannot be read, or one of its fields is wrong."),
  MESSAGE_TOO_LARGE: info(S.INVALID_ARGUMENT, 413, false, "The message is larger than the limit."),
  MESSAGE_UNKNOWN: info(S.UNIMPLEMENTED, 400, false, "The request is not one that this server knows."),
  REQUEST_ORDER: info(S.FAILED_PRECONDITION, 409, false, "The request does not fit here, for example before the join."),
  ROOM_FULL: info(S.RESOURCE_EXHAUSTED, 503, true, "The room has as many participants as it may have."),
  CLUSTER_FULL: info(S.RESOURCE_EXHAUSTED, 503, true, "No node has room for another participant."),
  NODE_NOT_FOUND: info(S.NOT_FOUND, 404, true, "No such node is alive."),
  NODE_DRAINING: info(S.UNAVAILABLE, 503, true, "The node is leaving and takes no new work. Try another one."),
  ROOM_NOT_FOUND: info(S.NOT_FOUND, 404, false, "There is no such room."),
  PARTICIPANT_NOT_FOUND: info(S.NOT_FOUND, 404, false, "There is no such participant in the room."),
  TRACK_NOT_FOUND: info(S.NOT_FOUND, 404, false, "There is no such track in the room."),
  STALE_EPOCH: info(S.FAILED_PRECONDITION, 409, false, "The room's state has moved on. Read the room again."),
  STALE_ANSWER: info(S.FAILED_PRECONDITION, 409, false, "The answer is not to the newest offer. Answer that one."),
  SDP_INVALID: info(S.INVALID_ARGUMENT, 400, false, "The session description cannot be read."),
  SDP_NO_ICE: info(S.INVALID_ARGUMENT, 400, false, "The session description has no ice-ufrag and ice-pwd."),
  SDP_NO_FINGERPRINT: info(S.INVALID_ARGUMENT, 400, false, "The session description has no usable DTLS fingerprint."),
  SDP_UNSUPPORTED: info(S.INVALID_ARGUMENT, 400, false, "The session description asks for something not supported."),
  SESSION_NOT_FOUND: info(S.NOT_FOUND, 404, false, "The session is over or its node is gone. Join again."),
  SESSION_REPLACED: info(S.FAILED_PRECONDITION, 409, false, "The same identity joined again; this session is over."),
  PARTICIPANT_REMOVED: info(S.PERMISSION_DENIED, 403, false, "The participant was removed from the room."),
  PARTICIPANT_MOVED: info(S.FAILED_PRECONDITION, 409, false, "The participant is on another node by now."),
  STORE_UNAVAILABLE: info(S.UNAVAILABLE, 503, true, "The state store cannot be reached. Running media goes on."),
  ISLB_UNAVAILABLE: info(S.UNAVAILABLE, 503, true, "No islb can be reached. Running media goes on."),
  SFU_UNAVAILABLE: info(S.UNAVAILABLE, 503, true, "The media node cannot be reached."),
  DEADLINE_EXCEEDED: info(S.DEADLINE_EXCEEDED, 504, true, "The call took longer than it may."),
  CALL_CANCELLED: info(S.CANCELLED, 499, false, "The caller took the call back."),
  STREAM_OVERFLOW: info(S.RESOURCE_EXHAUSTED, 503, true, "The reader is too slow; the stream was ended."),
  TRACK_LIMIT: info(S.RESOURCE_EXHAUSTED, 429, false, "The participant publishes as many tracks as it may."),
  RATE_LIMITED: info(S.RESOURCE_EXHAUSTED, 429, true, "Too many requests. Slow down and try again."),
  CONFIG_INVALID: info(S.FAILED_PRECONDITION, 500, false, "A configuration value is wrong; the service did not start."),
  INTERNAL: info(S.INTERNAL, 500, false, "Something failed that should not. The log has the details."),
} as const satisfies Record<string, ErrorCodeInfo>;

export type ErrorCode = keyof typeof ERROR_CODES;

/** Whether a string is one of our codes. */
export function isErrorCode(value: string): value is ErrorCode {
  return Object.hasOwn(ERROR_CODES, value);
}

/** The fields of cation.common.v1.Error. */
export interface ProtoError {
  code: string;
  message: string;
  retryable: boolean;
}

/**
 * The one error that crosses a module or process boundary: a stable code, and what follows from it.
 *
 * `message` is read by people outside: what happened, to what, what to do about it; no secrets, no SDP, no addresses of
 * persons. Without one, the code's explanation serves. `cause` stays in the process.
 */
export class CodedError extends Error {
  override readonly name = "CodedError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message?: string, options?: ErrorOptions) {
    super(message ?? ERROR_CODES[code].explanation, options);
    this.code = code;
  }

  get grpcStatus(): GrpcStatus {
    return ERROR_CODES[this.code].grpcStatus;
  }

  get httpStatus(): number {
    return ERROR_CODES[this.code].httpStatus;
  }

  /** Whether the same call may succeed later without a change. */
  get retryable(): boolean {
    return ERROR_CODES[this.code].retryable;
  }
}

/** Any thrown value as a CodedError. What has no code becomes INTERNAL, its text kept as the cause and not shown outside. */
export function toCodedError(thrown: unknown, fallback: ErrorCode = "INTERNAL"): CodedError {
  return thrown instanceof CodedError ? thrown : new CodedError(fallback, undefined, { cause: thrown });
}

/** Any thrown value as the error that goes over the wire (cation.common.v1.Error). */
export function toProtoError(thrown: unknown): ProtoError {
  const error = toCodedError(thrown);
  return { code: error.code, message: error.message, retryable: error.retryable };
}

/** An error from the wire. A code that this release does not know becomes INTERNAL, with the code in the message. */
export function fromProtoError(error: ProtoError): CodedError {
  return isErrorCode(error.code)
    ? new CodedError(error.code, error.message)
    : new CodedError("INTERNAL", `${error.code}: ${error.message}`);
}
