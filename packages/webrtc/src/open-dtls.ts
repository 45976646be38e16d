import type { DtlsProvider } from "./dtls.ts";
import type { DtlsCertificate } from "./dtls-certificate.ts";
import { createWeriftDtlsProvider } from "./werift-dtls.ts";

/** How DTLS is opened. */
export interface DtlsOptions {
  /** An ECDSA P-256 certificate. Default: a new one. */
  readonly certificate?: DtlsCertificate;
  /** Default 30 s. */
  readonly handshakeTimeoutMs?: number;
}

/** Opens DTLS. */
export function openDtlsProvider(options: DtlsOptions = {}): Promise<DtlsProvider> {
  return createWeriftDtlsProvider(options);
}
