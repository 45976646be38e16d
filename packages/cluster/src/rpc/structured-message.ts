import { deserialize, serialize } from "node:v8";
import type { MessageType } from "./definition.ts";

/**
 * A message type for what only threads of one process say to each other: both ends are of the same release, so it needs
 * no contract that outlives them. Plain data: objects, lists, texts, numbers, bytes.
 */
export function structuredMessage<T>(): MessageType<T> {
  return {
    encode: (message) => ({ finish: () => serialize(message) }),
    decode: (bytes) => deserialize(bytes) as T,
  };
}
