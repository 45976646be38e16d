import type { NativeDtlsServerClass } from "@cation/media-io/native-dtls";
import { SrtpProfile } from "@cation/media-io/media-io";
import { createDtlsCertificate } from "./dtls-certificate.ts";
import type { DtlsCertificate } from "./dtls-certificate.ts";
import type { DtlsProvider } from "./dtls.ts";
import { SRTP_PROFILES } from "./srtp-profiles.ts";
import { ThreadedDtlsProvider } from "./threaded-dtls.ts";

export interface OpensslDtlsOptions {
  /** Of the addon. */
  readonly DtlsServer: NativeDtlsServerClass;
  /** An ECDSA certificate. Default: a new one. */
  readonly certificate?: DtlsCertificate;
  /** Default 30 s. */
  readonly handshakeTimeoutMs?: number;
}

/** OpenSSL's names of SRTP profiles. */
const PROFILE_NAMES: Readonly<Record<SrtpProfile, string>> = {
  [SrtpProfile.AES128_CM_HMAC_SHA1_80]: "SRTP_AES128_CM_SHA1_80",
  [SrtpProfile.AEAD_AES_128_GCM]: "SRTP_AEAD_AES_128_GCM",
  [SrtpProfile.AEAD_AES_256_GCM]: "SRTP_AEAD_AES_256_GCM",
};

/**
 * DTLS 1.2 by the OpenSSL inside the node binary, on a thread of its own. About 1 ms of CPU a handshake, and 3 KB an
 * association. Throws where OpenSSL cannot use the certificate.
 */
export function createOpensslDtlsProvider(options: OpensslDtlsOptions): DtlsProvider {
  const certificate = options.certificate ?? createDtlsCertificate(Date.now());
  const srtpProfiles = SRTP_PROFILES.map((profile) => PROFILE_NAMES[profile]).join(":");
  const handshakeTimeoutMs = options.handshakeTimeoutMs ?? 30_000;
  return new ThreadedDtlsProvider(
    "openssl",
    certificate,
    (listener) => new options.DtlsServer({ ...certificate, srtpProfiles, handshakeTimeoutMs }, listener),
  );
}
