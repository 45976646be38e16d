import type { DtlsFingerprint } from "../dtls.ts";

/** An address at which this server is reached: a host candidate (RFC 8839 §5.1), passive where it is TCP (RFC 6544). */
export interface LocalCandidate {
  readonly protocol: "udp" | "tcp";
  /** Numeric IPv4 or IPv6 address, as the client sees it. */
  readonly address: string;
  readonly port: number;
}

/** The server's side of a connection, as it goes into SDP. */
export interface LocalDescription {
  readonly iceUfrag: string;
  readonly icePwd: string;
  readonly fingerprint: DtlsFingerprint;
  /** Most wanted first. */
  readonly candidates: readonly LocalCandidate[];
  /** Of the o= line: digits, the same for the life of the connection (RFC 8866 §5.2). */
  readonly sessionId: string;
  /** Of the o= line: raised with each description. */
  readonly version: number;
}
