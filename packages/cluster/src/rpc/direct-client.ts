import { systemClock, withTimeout } from "@cation/service-kit/clock";
import type { Clock } from "@cation/service-kit/clock";
import { CodedError, fromProtoError, toProtoError } from "@cation/service-kit/coded-error";
import type { MethodDefinition, ServiceDefinition } from "./definition.ts";
import { openDirectDuplex } from "./direct-duplex.ts";
import { DEFAULT_MAX_MESSAGE_BYTES } from "./duplex.ts";
import { collectResponse, iterateDuplex } from "./duplex-iterable.ts";
import { callUnary, serveStream } from "./implementation.ts";
import type { ReportInternalError } from "./implementation.ts";
import { decodeMessage, encodeMessage } from "./wire.ts";

export interface DirectClientOptions {
  /** How long a unary call may take. */
  readonly deadlineMs?: number;
  readonly maxMessageBytes?: number;
  readonly clock?: Clock;
  /** Told of exceptions without a code; the caller sees INTERNAL. */
  readonly onInternalError?: ReportInternalError;
}

/**
 * A client of a service that lives in the same process. Messages are encoded and decoded, streams are bounded and errors
 * cross as CodedErrors without their cause, exactly as over gRPC.
 */
export function directClient<S extends object>(
  definition: ServiceDefinition,
  implementation: NoInfer<S>,
  options: DirectClientOptions = {},
): S {
  const client: Record<string, unknown> = {};
  for (const [key, method] of Object.entries(definition.methods)) {
    client[key] =
      method.requestStream || method.responseStream
        ? directStream(method, key, implementation, options)
        : directUnary(method, key, implementation, options);
  }
  return client as S;
}

function directUnary(method: MethodDefinition, key: string, implementation: object, options: DirectClientOptions) {
  const { deadlineMs = 5_000, maxMessageBytes = DEFAULT_MAX_MESSAGE_BYTES, clock = systemClock } = options;
  return async (request: unknown): Promise<unknown> => {
    const bytes = encodeMessage(method.requestType, request, maxMessageBytes);
    // The implementation runs in a later microtask, as it would behind a socket.
    const answer = Promise.resolve().then(async () => {
      const decoded = decodeMessage(method.requestType, bytes, maxMessageBytes);
      const response = await callUnary(implementation, key, decoded, options.onInternalError);
      return encodeMessage(method.responseType, response, maxMessageBytes);
    });
    let responseBytes: Uint8Array;
    try {
      responseBytes = await withTimeout(clock, deadlineMs, answer, () => new CodedError("DEADLINE_EXCEEDED"));
    } catch (error) {
      throw fromProtoError(toProtoError(error));
    }
    return decodeMessage(method.responseType, responseBytes, maxMessageBytes);
  };
}

function directStream(method: MethodDefinition, key: string, implementation: object, options: DirectClientOptions) {
  return (requests: unknown): unknown => {
    const responses = iterateDuplex(
      () =>
        openDirectDuplex(
          method,
          (duplex) => serveStream(method, implementation, key, duplex, options.onInternalError),
          options,
        ),
      method.requestStream ? (requests as AsyncIterable<unknown>) : [requests],
    );
    return method.responseStream ? responses : collectResponse(responses);
  };
}
