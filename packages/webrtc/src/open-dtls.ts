import type { DtlsProvider } from "./dtls.ts";
import type { DtlsCertificate } from "./dtls-certificate.ts";
import { createWeriftDtlsProvider } from "./werift-dtls.ts";

/** Which backend is wanted. "auto" takes OpenSSL where its addon loads. */
export type DtlsBackend = "auto" | "openssl" | "werift";

/** How DTLS is opened. */
export interface DtlsOptions {
  /** Default "auto". */
  readonly backend?: DtlsBackend;
  /** An ECDSA P-256 certificate. Default: a new one. */
  readonly certificate?: DtlsCertificate;
  /** Default 30 s. */
  readonly handshakeTimeoutMs?: number;
}

/** Opens DTLS. */
export function openDtlsProvider(options: DtlsOptions = {}): Promise<DtlsProvider> {
  return createWeriftDtlsProvider(options);
}
