import type { MessagePort } from "node:worker_threads";
import type { ProtoError } from "@cation/service-kit/coded-error";

/** What a client sends. `id` is the client's number of the call; `trace` is the span that it belongs to, if any. */
export type ClientFrame =
  | {
      readonly kind: "call";
      readonly id: number;
      readonly path: string;
      readonly bytes: Uint8Array;
      readonly trace?: string;
    }
  | { readonly kind: "open"; readonly id: number; readonly path: string; readonly trace?: string }
  | { readonly kind: "abort"; readonly id: number }
  /** Everything of the server was taken, its end too: the call is over. */
  | { readonly kind: "closed"; readonly id: number }
  | StreamFrame;

/** What a server sends. */
export type ServerFrame =
  | { readonly kind: "answer"; readonly id: number; readonly bytes: Uint8Array }
  | { readonly kind: "failed"; readonly id: number; readonly error: ProtoError }
  | StreamFrame;

/** What both send on a stream. */
export type StreamFrame =
  | { readonly kind: "message"; readonly id: number; readonly bytes: Uint8Array }
  /** So many messages more were taken. */
  | { readonly kind: "taken"; readonly id: number; readonly count: number }
  | { readonly kind: "end"; readonly id: number };

/** Below this, copying is as cheap as giving the memory away. */
const MIN_TRANSFER_BYTES = 1024;

/** Posts a frame. Memory that holds nothing but its bytes is given away, not copied. */
export function postFrame(port: MessagePort, frame: ClientFrame | ServerFrame): void {
  const { buffer, byteLength } = "bytes" in frame ? frame.bytes : NO_BYTES;
  const isOwn = buffer instanceof ArrayBuffer && buffer.byteLength === byteLength;
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
  port.postMessage(frame, isOwn && byteLength >= MIN_TRANSFER_BYTES ? [buffer] : []);
}

const NO_BYTES = new Uint8Array(0);
