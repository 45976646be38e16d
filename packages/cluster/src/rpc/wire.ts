import { CodedError } from "@cation/service-kit/coded-error";
import type { MessageType } from "./definition.ts";

/** Bytes of a message. MESSAGE_MALFORMED where it does not fit its type, MESSAGE_TOO_LARGE past the limit. */
export function encodeMessage(type: MessageType<unknown>, message: unknown, maxBytes: number): Uint8Array {
  let bytes: Uint8Array;
  try {
    bytes = type.encode(message).finish();
  } catch (cause) {
    throw new CodedError("MESSAGE_MALFORMED", undefined, { cause });
  }
  checkSize(bytes, maxBytes);
  return bytes;
}

/** A message from bytes, which it may refer to. MESSAGE_MALFORMED where they are none, MESSAGE_TOO_LARGE past the limit. */
export function decodeMessage(type: MessageType<unknown>, bytes: Uint8Array, maxBytes: number): unknown {
  checkSize(bytes, maxBytes);
  try {
    return type.decode(bytes);
  } catch (cause) {
    throw new CodedError("MESSAGE_MALFORMED", undefined, { cause });
  }
}

function checkSize(bytes: Uint8Array, maxBytes: number): void {
  if (bytes.length <= maxBytes) return;
  throw new CodedError("MESSAGE_TOO_LARGE", `The message has ${bytes.length} bytes; at most ${maxBytes} are taken.`);
}
