import type { DtlsCloseReason } from "./dtls.ts";

/**
 * new → connecting (an address is nominated) → connected (keys are set) ⇄ disconnected (no checks for a while).
 * "failed": only an ICE restart helps, and only where DTLS did not fail. "closed" is the end.
 */
export type TransportState = "new" | "connecting" | "connected" | "disconnected" | "failed" | "closed";

/** What brought a transport into its state. */
export type TransportStateReason =
  | "nominated"
  | "dtls-connected"
  /** No checks for a few seconds (RFC 7675 §5.1); media still goes out. */
  | "consent-lost"
  | "consent-regained"
  /** No checks for 30 s: nothing may be sent any more. */
  | "consent-expired"
  /** The client's TCP connection is gone. */
  | "tcp-closed"
  /** The client never nominated an address. */
  | "ice-timeout"
  /** Nominated, but the DTLS handshake did not finish. */
  | "dtls-timeout"
  /** The client announced another certificate than the one it connected with. */
  | "fingerprint-changed"
  | DtlsCloseReason;

/** Told about one transport. Called on the deciding thread, from inside `onDatagram`, `poll` and the DTLS backend. */
export interface WebRtcTransportHandler {
  /** Not called for what the owner's own `close()` does. */
  onStateChange(state: TransportState, reason: TransportStateReason): void;
  /** Decrypted DTLS application data (SCTP), valid during the call. Dropped where there is no such method. */
  onData?(data: Uint8Array): void;
}
