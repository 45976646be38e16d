import { X509Certificate } from "node:crypto";
import { createDtlsCertificate, fingerprintOf } from "@cation/webrtc/dtls-certificate";
import type { DtlsCertificate } from "@cation/webrtc/dtls-certificate";
import type { DtlsFingerprint } from "@cation/webrtc/dtls";

/** A certificate and its digest. Bots of one process share one: making it costs more than all the rest of a join. */
export interface BotCertificate {
  readonly certificate: DtlsCertificate;
  readonly fingerprint: DtlsFingerprint;
}

export function createBotCertificate(nowMs: number): BotCertificate {
  const certificate = createDtlsCertificate(nowMs);
  return { certificate, fingerprint: fingerprintOf(new X509Certificate(certificate.certificatePem).raw) };
}
