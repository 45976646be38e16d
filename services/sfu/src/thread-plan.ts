import { CodedError } from "@cation/service-kit/coded-error";
import { SFU_CONFIG_PREFIX } from "./sfu-config.ts";
import type { SfuConfig } from "./sfu-config.ts";

/** The highest port. */
const MAX_PORT = 65_535;
/** Beyond it the deciding thread is what is full. */
const MAX_AUTO_SENDER_THREADS = 4;

/** How an sfu uses the cores it has. */
export interface ThreadPlan {
  /** Workers. One has no thread of its own: it lives on the main one. */
  readonly workers: number;
  /** Threads that protect and send, for each worker. */
  readonly senderThreads: number;
}

/**
 * Settles what the configuration leaves to the machine. "auto" gives a worker two cores: one that decides and one that
 * encrypts and sends, which costs several times as much; a worker that has more takes more for sending. CONFIG_INVALID
 * where the workers have more ports than there are.
 */
export function planThreads(
  config: Pick<SfuConfig, "workers" | "senderThreads" | "mediaPort">,
  cores: number,
): ThreadPlan {
  const workers = config.workers === "auto" ? Math.max(1, Math.floor(cores / 2)) : Number(config.workers);
  const lastPort = config.mediaPort + workers - 1;
  if (config.mediaPort > 0 && lastPort > MAX_PORT) {
    const what = `${workers} workers need the ports ${config.mediaPort} to ${lastPort}, and there are none above ${MAX_PORT}`;
    throw new CodedError("CONFIG_INVALID", `${SFU_CONFIG_PREFIX}MEDIA_PORT: ${what}. Choose a lower one.`);
  }
  const spare = Math.max(0, Math.floor(cores / workers) - 1);
  const senderThreads =
    config.senderThreads === "auto" ? Math.min(spare, MAX_AUTO_SENDER_THREADS) : Number(config.senderThreads);
  return { workers, senderThreads };
}

/** Port of a worker: the configured one and those after it, or whatever is free. */
export function portOf(mediaPort: number, index: number): number {
  return mediaPort === 0 ? 0 : mediaPort + index;
}
