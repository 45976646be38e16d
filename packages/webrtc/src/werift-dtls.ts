import { X509Certificate } from "node:crypto";
import type { DtlsAssociation, DtlsFingerprint, DtlsHandler, DtlsProvider } from "./dtls.ts";
import { createDtlsCertificate, fingerprintOf } from "./dtls-certificate.ts";
import type { DtlsCertificate } from "./dtls-certificate.ts";
import { WeriftDtlsAssociation } from "./werift-dtls-association.ts";
import type { WeriftModule } from "./werift-dtls-association.ts";

export interface WeriftDtlsOptions {
  /** An ECDSA P-256 certificate. Default: a new one. */
  readonly certificate?: DtlsCertificate;
  /** Default 30 s. */
  readonly handshakeTimeoutMs?: number;
}

/**
 * DTLS 1.2 by werift, in JavaScript: for machines without a compiler. What werift leaves out (the client's proofs,
 * reassembly, replays) is done around it, see WeriftDtlsAssociation. A handshake takes several milliseconds of the
 * calling thread.
 */
export async function createWeriftDtlsProvider(options: WeriftDtlsOptions = {}): Promise<DtlsProvider> {
  // Loaded only where it is used: it brings a media library with it.
  const werift = (await import("werift")) as WeriftModule;
  return new WeriftDtlsProvider(werift, options);
}

class WeriftDtlsProvider implements DtlsProvider {
  readonly backend = "werift";
  readonly fingerprint: DtlsFingerprint;
  readonly #werift: WeriftModule;
  readonly #certificate: DtlsCertificate;
  readonly #handshakeTimeoutMs: number;
  readonly #associations = new Set<WeriftDtlsAssociation>();

  constructor(werift: WeriftModule, options: WeriftDtlsOptions) {
    this.#werift = werift;
    this.#certificate = options.certificate ?? createDtlsCertificate(Date.now());
    this.#handshakeTimeoutMs = options.handshakeTimeoutMs ?? 30_000;
    this.fingerprint = fingerprintOf(new X509Certificate(this.#certificate.certificatePem).raw);
  }

  createServer(expected: readonly DtlsFingerprint[], handler: DtlsHandler): DtlsAssociation {
    const association: WeriftDtlsAssociation = new WeriftDtlsAssociation({
      werift: this.#werift,
      certificate: this.#certificate,
      handshakeTimeoutMs: this.#handshakeTimeoutMs,
      expected,
      handler: {
        onSend: (datagram) => handler.onSend(datagram),
        onConnected: (keys) => handler.onConnected(keys),
        onData: (data) => handler.onData(data),
        onClosed: (reason) => {
          this.#associations.delete(association);
          handler.onClosed(reason);
        },
      },
    });
    this.#associations.add(association);
    return association;
  }

  close(): void {
    for (const association of [...this.#associations]) association.close();
  }
}
