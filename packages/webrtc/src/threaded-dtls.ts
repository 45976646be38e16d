import { NativeDtlsEvent } from "@cation/media-io/native-dtls";
import type { NativeDtlsServer } from "@cation/media-io/native-dtls";
import type { SrtpKeys, SrtpProfile } from "@cation/media-io/media-io";
import { X509Certificate } from "node:crypto";
import { FINGERPRINT_HASHES, fingerprintOf } from "./dtls-certificate.ts";
import type { DtlsCertificate } from "./dtls-certificate.ts";
import { isPlausibleDtls } from "./dtls-record.ts";
import type { DtlsAssociation, DtlsCloseReason, DtlsFingerprint, DtlsHandler, DtlsProvider } from "./dtls.ts";
import { srtpKeyLengths } from "./srtp-profiles.ts";

/** Associations on another thread: the addon's, or a worker with werift. */
export type DtlsThread = NativeDtlsServer;
/** Told what happens there: the arguments of NativeDtlsServerClass's callback. */
export type DtlsThreadListener = (id: number, kind: number, code: number, bytes: Uint8Array) => void;

/** `code` of a CLOSED event; in the order of DtlsCloseReason in media-io's native/dtls_association.h. */
export const DTLS_CLOSE_REASONS: readonly DtlsCloseReason[] = [
  "closed-by-peer",
  "closed-locally",
  "handshake-timeout",
  "handshake-failed",
  "fingerprint-mismatch",
  "proof-failed",
  "no-srtp-profile",
];

/** DTLS whose handshakes run on another thread, so that none holds up media. */
export class ThreadedDtlsProvider implements DtlsProvider {
  readonly backend: DtlsProvider["backend"];
  readonly fingerprint: DtlsFingerprint;
  readonly #thread: DtlsThread;
  readonly #handlers = new Map<number, DtlsHandler>();
  #nextId = 1;
  #closed = false;

  /** `start` makes the thread, with the certificate; it may throw. */
  constructor(
    backend: DtlsProvider["backend"],
    certificate: DtlsCertificate,
    start: (listener: DtlsThreadListener) => DtlsThread,
  ) {
    this.backend = backend;
    this.fingerprint = fingerprintOf(new X509Certificate(certificate.certificatePem).raw);
    this.#thread = start((id, kind, code, bytes) => this.#onEvent(id, kind, code, bytes));
  }

  createServer(expected: readonly DtlsFingerprint[], handler: DtlsHandler): DtlsAssociation {
    const id = this.#nextId++;
    const thread = this.#thread;
    if (this.#closed) {
      setImmediate(() => handler.onClosed("closed-locally"));
    } else {
      this.#handlers.set(id, handler);
      thread.open(id, expected.filter(isUsable).map(toDigest));
    }
    return {
      receive(datagram) {
        // What is no DTLS must not fill the thread's queue.
        if (isDtls(datagram)) thread.receive(id, datagram);
      },
      sendData: (data) => thread.sendData(id, data),
      close: () => thread.closeAssociation(id),
    };
  }

  close(): void {
    this.#closed = true;
    this.#thread.close();
  }

  /** Of the thread's owner: it is gone, and its associations are. */
  abandon(): void {
    const handlers = [...this.#handlers.values()];
    this.#handlers.clear();
    for (const handler of handlers) handler.onClosed("handshake-failed");
  }

  #onEvent(id: number, kind: number, code: number, bytes: Uint8Array): void {
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

/** Joins keys as the exporter gives them (RFC 5764 §4.2): the client's key, the server's, the client's salt, the server's. */
export function joinKeys({ remoteKey, localKey, remoteSalt, localSalt }: SrtpKeys): Uint8Array {
  return Buffer.concat([remoteKey, localKey, remoteSalt, localSalt]);
}

function splitKeys(profile: SrtpProfile, material: Uint8Array): SrtpKeys {
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

function isDtls({ buffer, byteOffset, length }: Uint8Array): boolean {
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
