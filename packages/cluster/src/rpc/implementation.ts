import { CodedError, toCodedError } from "@cation/service-kit/coded-error";
import type { MethodDefinition } from "./definition.ts";
import type { Duplex } from "./duplex.ts";
import { serveIterable } from "./duplex-iterable.ts";

/** Told of an exception that has no code of ours: a defect. Its caller sees INTERNAL and nothing of it. */
export type ReportInternalError = (error: unknown, method: string) => void;

type Handler = (request: unknown) => unknown;

function findHandler(implementation: object, key: string): Handler {
  const handler: unknown = Reflect.get(implementation, key);
  if (typeof handler !== "function") throw new CodedError("MESSAGE_UNKNOWN", `This release does not know "${key}".`);
  return (handler as Handler).bind(implementation);
}

/** Calls a unary method. Rejects with CodedErrors only. */
export async function callUnary(
  implementation: object,
  key: string,
  request: unknown,
  onInternalError: ReportInternalError | undefined,
): Promise<unknown> {
  try {
    return await findHandler(implementation, key)(request);
  } catch (error) {
    if (!(error instanceof CodedError)) onInternalError?.(error, key);
    throw toCodedError(error);
  }
}

/** Runs a streaming method of any kind on a server's end of a stream. */
export function serveStream(
  method: MethodDefinition,
  implementation: object,
  key: string,
  duplex: Duplex<unknown, unknown>,
  onInternalError: ReportInternalError | undefined,
): void {
  serveIterable(
    duplex,
    (requests) => callStream(method, findHandler(implementation, key), requests),
    (error) => {
      if (!(error instanceof CodedError)) onInternalError?.(error, key);
    },
  );
}

function callStream(
  method: MethodDefinition,
  handler: Handler,
  requests: AsyncIterable<unknown>,
): AsyncIterable<unknown> {
  if (method.requestStream && method.responseStream) return handler(requests) as AsyncIterable<unknown>;
  return adaptOneSided(method, handler, requests);
}

async function* adaptOneSided(
  method: MethodDefinition,
  handler: Handler,
  requests: AsyncIterable<unknown>,
): AsyncGenerator {
  if (method.requestStream) {
    yield await (handler(requests) as Promise<unknown>);
    return;
  }
  for await (const request of requests) {
    yield* handler(request) as AsyncIterable<unknown>;
    return;
  }
}
