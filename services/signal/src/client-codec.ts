import { ClientMessage, ServerMessage } from "@cation/proto/client/v1/client";
import { CodedError } from "@cation/service-kit/coded-error";
import { readJsonShape } from "./client-json.ts";
import type { ClientRequest } from "./client-request.ts";
import { findRequestProblem } from "./request-limits.ts";

/** Larger messages are answered with MESSAGE_TOO_LARGE. */
export const MAX_MESSAGE_BYTES = 524_288;

/** A client's message, or why it is none. `requestId` is 0 where it cannot be told. */
export type DecodedMessage =
  | { readonly ok: true; readonly requestId: number; readonly request: ClientRequest }
  | { readonly ok: false; readonly requestId: number; readonly error: CodedError };

/** One form of the client protocol. */
export interface ClientCodec {
  readonly subProtocol: "cation.v1.json" | "cation.v1.proto";
  /** Never throws. */
  decode(data: Buffer, isBinary: boolean): DecodedMessage;
  encode(message: ServerMessage): string | Uint8Array;
}

const jsonCodec: ClientCodec = {
  subProtocol: "cation.v1.json",
  decode: (data, isBinary) =>
    decodeSafely(data, () =>
      isBinary ? malformed(0, "it is binary; cation.v1.json uses text frames") : decodeJson(data),
    ),
  encode: (message) => JSON.stringify(ServerMessage.toJSON(message)),
};

const protoCodec: ClientCodec = {
  subProtocol: "cation.v1.proto",
  decode: (data, isBinary) =>
    decodeSafely(data, () =>
      isBinary ? decodeProto(data) : malformed(0, "it is text; cation.v1.proto uses binary frames"),
    ),
  encode: (message) => ServerMessage.encode(message).finish(),
};

/** The codec for the first of the offered sub-protocols that is known, or undefined. */
export function chooseCodec(offered: Iterable<string>): ClientCodec | undefined {
  for (const name of offered) {
    const codec = [jsonCodec, protoCodec].find(({ subProtocol }) => subProtocol === name);
    if (codec) return codec;
  }
  return undefined;
}

function decodeSafely(data: Buffer, decode: () => DecodedMessage): DecodedMessage {
  if (data.byteLength > MAX_MESSAGE_BYTES) {
    const message = `The message has ${data.byteLength} bytes; at most ${MAX_MESSAGE_BYTES} are read.`;
    return { ok: false, requestId: 0, error: new CodedError("MESSAGE_TOO_LARGE", message) };
  }
  try {
    return decode();
  } catch {
    return malformed(0, "it cannot be decoded");
  }
}

function decodeJson(data: Buffer): DecodedMessage {
  const shape = readJsonShape(JSON.parse(data.toString("utf8")) as unknown);
  switch (shape.kind) {
    case "unknown":
      return unknown(shape.requestId, `"${shape.names[0]?.slice(0, 64)}"`);
    case "malformed":
      return malformed(shape.requestId, shape.why);
    case "request":
      return check(ClientMessage.fromJSON(shape.value));
  }
}

function decodeProto(data: Buffer): DecodedMessage {
  const message = ClientMessage.decode(data);
  // A request that this release does not know is a field it skips.
  if (!message.request && message.requestId > 0) return unknown(message.requestId, "it");
  return check(message);
}

function check({ requestId, request }: ClientMessage): DecodedMessage {
  if (!request) return malformed(requestId, "it has no request");
  if (requestId === 0) return malformed(0, "requestId is missing");
  const error = findRequestProblem(request);
  return error ? { ok: false, requestId, error } : { ok: true, requestId, request };
}

function malformed(requestId: number, why: string): DecodedMessage {
  return { ok: false, requestId, error: new CodedError("MESSAGE_MALFORMED", `The message cannot be read: ${why}.`) };
}

function unknown(requestId: number, what: string): DecodedMessage {
  return { ok: false, requestId, error: new CodedError("MESSAGE_UNKNOWN", `The request ${what} is not known here.`) };
}
