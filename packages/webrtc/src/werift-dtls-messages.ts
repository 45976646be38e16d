import type { DtlsCertificate } from "./dtls-certificate.ts";

/** What goes between a WeriftDtlsThread and its worker. */

/** The worker's workerData. */
export interface WeriftDtlsWorkerData {
  readonly certificate: DtlsCertificate;
  readonly handshakeTimeoutMs: number;
}

/** To the worker: the calls of DtlsThread. */
export type WeriftDtlsCommand =
  | {
      readonly type: "open";
      readonly id: number;
      readonly expected: readonly { readonly digest: string; readonly value: Uint8Array }[];
    }
  | { readonly type: "receive"; readonly id: number; readonly bytes: Uint8Array }
  | { readonly type: "sendData"; readonly id: number; readonly bytes: Uint8Array }
  | { readonly type: "closeAssociation"; readonly id: number }
  | { readonly type: "close" };

/** From the worker: it is ready, it has taken bytes from the queue, or the arguments of DtlsThreadListener. */
export type WeriftDtlsEvent =
  | { readonly type: "ready" }
  | { readonly type: "taken" }
  | {
      readonly type: "event";
      readonly id: number;
      readonly kind: number;
      readonly code: number;
      readonly bytes: Uint8Array;
    };
