import { loadNativeAddon } from "@cation/media-io/native-addon";
import type { DtlsProvider } from "./dtls.ts";
import type { DtlsCertificate } from "./dtls-certificate.ts";
import { createOpensslDtlsProvider } from "./openssl-dtls.ts";
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

/**
 * Opens DTLS; the provider says which backend it is. Rejects where OpenSSL was demanded and its addon does not load, or
 * where the certificate cannot be used.
 */
export async function openDtlsProvider(options: DtlsOptions = {}): Promise<DtlsProvider> {
  const { backend = "auto", ...rest } = options;
  if (backend === "werift") return createWeriftDtlsProvider(rest);
  const { addon, ...failure } = loadNativeAddon();
  if (addon !== undefined) return createOpensslDtlsProvider({ DtlsServer: addon.DtlsServer, ...rest });
  if (backend === "auto") return createWeriftDtlsProvider(rest);
  throw new Error(`no OpenSSL for DTLS: ${"reason" in failure ? failure.reason : "no addon"}`);
}
