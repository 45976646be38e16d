/** Why a STUN or DTLS datagram went no further. */
export const WEBRTC_DROP_REASONS = [
  /** Not well formed, or a response or indication, which a lite agent does not wait for. */
  "stun-malformed",
  "stun-not-a-request",
  "stun-no-username",
  /** No transport has this ufrag. */
  "stun-unknown-ufrag",
  "stun-bad-fingerprint",
  "stun-wrong-remote-ufrag",
  "stun-bad-integrity",
  "stun-rate-limited",
  /** DTLS from an address that no transport sends to. */
  "dtls-unknown-source",
  /** More DTLS than is kept before the client's fingerprint is known. */
  "dtls-before-remote",
  /** DTLS for a transport whose association is over. */
  "dtls-after-close",
  /** Neither STUN nor DTLS (RFC 7983). */
  "unknown-protocol",
] as const;
export type WebRtcDropReason = (typeof WEBRTC_DROP_REASONS)[number];

/** Why a transport could not be reached (any more). */
export const ICE_FAILURES = [
  /** The client never nominated an address. */
  "ice-timeout",
  /** No checks for 30 s (RFC 7675 §5.1). */
  "consent-expired",
] as const;
export type IceFailure = (typeof ICE_FAILURES)[number];

/** Counters since the start; meant for scrapes. */
export interface WebRtcCounters {
  /** Connectivity checks that were answered with success. */
  stunAnswers: number;
  stunRoleConflicts: number;
  /** Nominations that moved a transport to another address. */
  moves: number;
  handshakes: number;
  handshakeFailures: number;
  readonly iceFailures: Record<IceFailure, number>;
  readonly drops: Record<WebRtcDropReason, number>;
}

/** All at zero. */
export function createWebRtcCounters(): WebRtcCounters {
  const drops = Object.fromEntries(WEBRTC_DROP_REASONS.map((reason) => [reason, 0]));
  return {
    stunAnswers: 0,
    stunRoleConflicts: 0,
    moves: 0,
    handshakes: 0,
    handshakeFailures: 0,
    iceFailures: { "ice-timeout": 0, "consent-expired": 0 },
    drops: drops as Record<WebRtcDropReason, number>,
  };
}
