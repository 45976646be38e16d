import type { SrtpKeys } from "@cation/media-io/media-io";

/** A certificate's digest as SDP writes it: "sha-256 AB:CD:…" split (RFC 8122 §5). */
export interface DtlsFingerprint {
  /** Lower case, for example "sha-256". */
  readonly algorithm: string;
  /** Upper-case hex pairs joined by colons. */
  readonly value: string;
}

/** Why an association ended or never came to be. */
export type DtlsCloseReason =
  | "closed-by-peer"
  | "closed-locally"
  | "handshake-timeout"
  | "handshake-failed"
  /** The certificate is none of those that SDP announced. */
  | "fingerprint-mismatch"
  /** The peer did not prove that it holds the certificate's private key, or its Finished was wrong. */
  | "proof-failed"
  | "no-srtp-profile";

/** What an association tells its owner. Called on the deciding thread, never from inside `receive`. */
export interface DtlsHandler {
  /** A datagram to send to the peer; valid during the call. */
  onSend(datagram: Uint8Array): void;
  /** Key proven, fingerprint matched, keys exported. Called at most once. */
  onConnected(keys: SrtpKeys): void;
  /** Decrypted application data (SCTP). */
  onData(data: Uint8Array): void;
  /** The last call. */
  onClosed(reason: DtlsCloseReason): void;
}

/** One DTLS association in the server role (the SDP answer says a=setup:passive). Retransmits by itself. */
export interface DtlsAssociation {
  /** A datagram from the peer (RFC 7983: first byte 20 … 63). Copied if kept. */
  receive(datagram: Uint8Array): void;
  /** Sends application data (SCTP). Dropped before the handshake is done. */
  sendData(data: Uint8Array): void;
  /** Sends close_notify. Idempotent. */
  close(): void;
}

/** Makes associations that share one certificate. Both backends pass dtls.contract.ts. */
export interface DtlsProvider {
  readonly backend: "openssl" | "werift";
  /** Of the server's certificate, for a=fingerprint. */
  readonly fingerprint: DtlsFingerprint;
  /** `expected`: fingerprints from the peer's SDP; any one must match after proof of possession. */
  createServer(expected: readonly DtlsFingerprint[], handler: DtlsHandler): DtlsAssociation;
  close(): void;
}
