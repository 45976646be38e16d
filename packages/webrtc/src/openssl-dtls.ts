import { NativeDtlsEvent } from "@cation/media-io/native-dtls";
import type { NativeDtlsServer, NativeDtlsServerClass } from "@cation/media-io/native-dtls";
import { SrtpProfile } from "@cation/media-io/media-io";
import type { SrtpKeys } from "@cation/media-io/media-io";
import { X509Certificate } from "node:crypto";
import { FINGERPRINT_HASHES, createDtlsCertificate, fingerprintOf } from "./dtls-certificate.ts";
import type { DtlsCertificate } from "./dtls-certificate.ts";
import { isPlausibleDtls } from "./dtls-record.ts";
import type { DtlsAssociation, DtlsCloseReason, DtlsFingerprint, DtlsHandler, DtlsProvider } from "./dtls.ts";
import { SRTP_PROFILES, srtpKeyLengths } from "./srtp-profiles.ts";

export interface OpensslDtlsOptions {
  /** Of the addon. */
  readonly DtlsServer: NativeDtlsServerClass;
  /** An ECDSA P-256 certificate. Default: a new one. */
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

/** In the order of DtlsCloseReason in native/dtls_association.h. */
const DTLS_CLOSE_REASONS: readonly DtlsCloseReason[] = [
  "closed-by-peer",
  "closed-locally",
  "handshake-timeout",
  "handshake-failed",
  "fingerprint-mismatch",
  "proof-failed",
  "no-srtp-profile",
];

/**
 * DTLS 1.2 by the OpenSSL inside the node binary, on a thread of its own: no handshake holds up media. Throws where the
 * certificate is of no use.
 */
export class OpensslDtlsProvider implements DtlsProvider {
  readonly backend = "openssl";
  readonly fingerprint: DtlsFingerprint;
  readonly #server: NativeDtlsServer;
  readonly #handlers = new Map<number, DtlsHandler>();
  #nextId = 1;
  #closed = false;

  constructor(options: OpensslDtlsOptions) {
    const certificate = options.certificate ?? createDtlsCertificate(Date.now());
    this.fingerprint = fingerprintOf(new X509Certificate(certificate.certificatePem).raw);
    this.#server = new options.DtlsServer(
      {
        certificatePem: certificate.certificatePem,
        privateKeyPem: certificate.privateKeyPem,
        srtpProfiles: SRTP_PROFILES.map((profile) => PROFILE_NAMES[profile]).join(":"),
        handshakeTimeoutMs: options.handshakeTimeoutMs ?? 30_000,
      },
      (id, kind, code, bytes) => this.#onEvent(id, kind, code, bytes),
    );
  }

  createServer(expected: readonly DtlsFingerprint[], handler: DtlsHandler): DtlsAssociation {
    const id = this.#nextId++;
    const server = this.#server;
    if (this.#closed) {
      setImmediate(() => handler.onClosed("closed-locally"));
    } else {
      this.#handlers.set(id, handler);
      server.open(id, expected.filter(isUsable).map(toDigest));
    }
    return {
      receive(datagram) {
        // What is no DTLS must not fill the thread's queue.
        if (isDtls(datagram)) server.receive(id, datagram);
      },
      sendData: (data) => server.sendData(id, data),
      close: () => server.closeAssociation(id),
    };
  }

  close(): void {
    this.#closed = true;
    this.#server.close();
  }

  #onEvent(id: number, kind: number, code: number, bytes: Buffer): void {
    const handler = this.#handlers.get(id);
    if (handler === undefined) return;
    switch (kind) {
      case NativeDtlsEvent.SEND:
        return handler.onSend(bytes);
      case NativeDtlsEvent.CONNECTED:
        return handler.onConnected(splitKeys(code as SrtpProfile, bytes));
      case NativeDtlsEvent.DATA:
        return handler.onData(bytes);
      case NativeDtlsEvent.CLOSED:
        this.#handlers.delete(id);
        return handler.onClosed(DTLS_CLOSE_REASONS[code] ?? "handshake-failed");
      default:
    }
  }
}

function isDtls(datagram: Uint8Array): boolean {
  const { buffer, byteOffset, length } = datagram;
  return isPlausibleDtls(Buffer.from(buffer, byteOffset, length));
}

function isUsable({ algorithm }: DtlsFingerprint): boolean {
  return Object.hasOwn(FINGERPRINT_HASHES, algorithm);
}

function toDigest({ algorithm, value }: DtlsFingerprint): { digest: string; value: Buffer } {
  return {
    digest: (FINGERPRINT_HASHES[algorithm] ?? "").toUpperCase(),
    value: Buffer.from(value.replaceAll(":", ""), "hex"),
  };
}

/** RFC 5764 §4.2: the client's key, the server's, the client's salt, the server's. This side is the server. */
function splitKeys(profile: SrtpProfile, material: Buffer): SrtpKeys {
  const { keyBytes, saltBytes } = srtpKeyLengths(profile);
  const salts = 2 * keyBytes;
  return {
    profile,
    remoteKey: material.subarray(0, keyBytes),
    localKey: material.subarray(keyBytes, salts),
    remoteSalt: material.subarray(salts, salts + saltBytes),
    localSalt: material.subarray(salts + saltBytes, salts + 2 * saltBytes),
  };
}
