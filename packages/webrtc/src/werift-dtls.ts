import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { createDtlsCertificate } from "./dtls-certificate.ts";
import type { DtlsCertificate } from "./dtls-certificate.ts";
import type { DtlsProvider } from "./dtls.ts";
import { ThreadedDtlsProvider } from "./threaded-dtls.ts";
import type { WeriftDtlsWorkerData } from "./werift-dtls-messages.ts";
import { WeriftDtlsThread } from "./werift-dtls-thread.ts";

export interface WeriftDtlsOptions {
  /** An ECDSA P-256 certificate. Default: a new one. */
  readonly certificate?: DtlsCertificate;
  /** Default 30 s. */
  readonly handshakeTimeoutMs?: number;
}

/**
 * DTLS 1.2 by werift, in JavaScript, in a worker: for machines without a compiler. What werift leaves out (the client's
 * proofs, reassembly, replays) is done around it, see WeriftDtlsAssociation. About 6 ms of CPU a handshake. Rejects where
 * the worker does not start.
 */
export async function createWeriftDtlsProvider(options: WeriftDtlsOptions = {}): Promise<DtlsProvider> {
  const certificate = options.certificate ?? createDtlsCertificate(Date.now());
  const workerData: WeriftDtlsWorkerData = {
    certificate,
    handshakeTimeoutMs: options.handshakeTimeoutMs ?? 30_000,
  };
  const start = (): Worker => startWorker(workerData);
  const first = start();
  await once(first, "message");
  const provider: ThreadedDtlsProvider = new ThreadedDtlsProvider(
    "werift",
    certificate,
    (listener) => new WeriftDtlsThread(first, start, listener, () => provider.abandon()),
  );
  return provider;
}

function startWorker(workerData: WeriftDtlsWorkerData): Worker {
  const url = new URL("werift-dtls-worker.ts", import.meta.url);
  return new Worker(url, { name: "dtls", workerData, execArgv: [] });
}
