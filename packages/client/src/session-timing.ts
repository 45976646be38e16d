import type { BackoffOptions } from "./backoff.ts";

/** Waits and bounds of a session. */
export interface SessionTiming {
  /** For opening a WebSocket. */
  readonly openDeadlineMs: number;
  /** For the answer to a request. */
  readonly requestDeadlineMs: number;
  readonly pingIntervalMs: number;
  readonly pingDeadlineMs: number;
  /** How long the server keeps a session without a connection; after that only a new one helps. */
  readonly sessionGraceMs: number;
  /** How long to try for the first connection, and for a lost one. */
  readonly connectWithinMs: number;
  readonly reconnectWithinMs: number;
  readonly backoff: BackoffOptions;
}

/** Fits docs/protocol.md: the server keeps a session for 30 s without a connection. */
export const DEFAULT_TIMING: SessionTiming = {
  openDeadlineMs: 8_000,
  requestDeadlineMs: 10_000,
  pingIntervalMs: 10_000,
  pingDeadlineMs: 5_000,
  sessionGraceMs: 30_000,
  connectWithinMs: 15_000,
  reconnectWithinMs: 120_000,
  backoff: { baseMs: 400, maxMs: 5_000 },
};
