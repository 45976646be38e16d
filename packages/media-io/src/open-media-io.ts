import type { MediaIo, MediaIoOptions } from "./media-io.ts";
import { loadNativeAddon } from "./native-addon.ts";
import { openNativeMediaIo } from "./native-media-io.ts";
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

/**
 * Opens media I/O. Rejects with the socket's error, with a RangeError for a bad `slotCount`, or where the native backend
 * was demanded and its addon does not load.
 */
export async function openMediaIo(
  options: MediaIoOptions & { readonly backend?: MediaIoBackend },
): Promise<OpenedMediaIo> {
  const backend = options.backend ?? "auto";
  if (backend === "typescript") return openTypescript(options, "as configured");
  const loaded = loadNativeAddon();
  if (loaded.addon !== undefined) {
    const io = await openNativeMediaIo(loaded.addon, options);
    const reason = backend === "native" ? "as configured" : "the native addon is there";
    return { io, backend: io.backend, reason, socketWarnings: io.socketWarnings };
  }
  if (backend === "native") throw new Error(`no native media backend: ${loaded.reason}`);
  return openTypescript(options, loaded.reason);
}

async function openTypescript(options: MediaIoOptions, reason: string): Promise<OpenedMediaIo> {
  const io = await openTypescriptMediaIo(options);
  return { io, backend: io.backend, reason, socketWarnings: io.socketWarnings };
}
