import { Metadata, status } from "@grpc/grpc-js";
import type { ServiceError, StatusObject } from "@grpc/grpc-js";
import { CodedError, fromProtoError, toProtoError } from "@cation/service-kit/coded-error";
import type { ErrorCode } from "@cation/service-kit/coded-error";

/** Trailing metadata that carries a CodedError; its message is the status' details. */
const CODE_KEY = "cation-code";
const RETRYABLE_KEY = "cation-retryable";

/** What grpc-js says of a call that its own side cancelled. */
const CANCELLED_HERE = "Cancelled on client";

/** What a gRPC call ends with. */
export type CallStatus = Pick<StatusObject, "code" | "details" | "metadata">;

/** An error as the status of a call: its code, message and whether to retry; never its cause or stack. */
export function toServiceError(error: CodedError): ServiceError {
  const proto = toProtoError(error);
  const metadata = new Metadata();
  metadata.set(CODE_KEY, proto.code);
  metadata.set(RETRYABLE_KEY, String(proto.retryable));
  return Object.assign(new Error(proto.message), { code: error.grpcStatus, details: proto.message, metadata });
}

/**
 * The status of a failed call as an error.
 *
 * @param unavailable the code for a peer that cannot be reached.
 */
export function fromCallStatus(ended: CallStatus, unavailable: ErrorCode): CodedError {
  const code = ended.metadata?.get(CODE_KEY)[0];
  if (typeof code === "string") {
    const retryable = ended.metadata.get(RETRYABLE_KEY)[0] === "true";
    return fromProtoError({ code, message: ended.details, retryable });
  }
  return new CodedError(codeOfStatus(ended, unavailable), undefined, {
    cause: `${status[ended.code]}: ${ended.details}`,
  });
}

/** Statuses that gRPC itself makes. */
function codeOfStatus(ended: CallStatus, unavailable: ErrorCode): ErrorCode {
  switch (ended.code) {
    case status.UNAVAILABLE:
      return unavailable;
    case status.DEADLINE_EXCEEDED:
      return "DEADLINE_EXCEEDED";
    case status.CANCELLED:
      // A server that is stopped resets its streams with the same code.
      return ended.details === CANCELLED_HERE ? "CALL_CANCELLED" : unavailable;
    case status.UNIMPLEMENTED:
      return "MESSAGE_UNKNOWN";
    case status.RESOURCE_EXHAUSTED:
      return /larger than max/i.test(ended.details) ? "MESSAGE_TOO_LARGE" : unavailable;
    default:
      return "INTERNAL";
  }
}
