import type { SrtpKeys } from "@cation/media-io/media-io";
import type { DtlsFingerprint } from "@cation/webrtc/dtls";

/** What an association tells. Nothing is called after `onFailed` or `onClosed`, nor after its `close()`. */
export interface DtlsClientHandler {
  /** A datagram for the server; valid during the call. */
  onSend(datagram: Uint8Array): void;
  onConnected(keys: SrtpKeys): void;
  onFailed(error: Error): void;
  /** The server said close_notify. */
  onClosed(): void;
}

/** One association in the client's role. Retransmits by itself. */
export interface DtlsClient {
  /** A datagram from the server. Copied if kept. */
  receive(datagram: Uint8Array): void;
  /** Idempotent. */
  close(): void;
}

/** The client's side of DTLS-SRTP (RFC 5764) for all bots of a process, which share one certificate. */
export interface DtlsClients {
  readonly backend: "openssl" | "werift";
  /** Of the bots' certificate, for a=fingerprint. */
  readonly fingerprint: DtlsFingerprint;
  /** Begins a handshake with a server whose certificate is one of `expected`. */
  connect(expected: readonly DtlsFingerprint[], handler: DtlsClientHandler): DtlsClient;
  close(): void;
}
