/** How long to wait between attempts. */
export interface BackoffOptions {
  /** Longest delay before the second attempt; the first is made at once. */
  readonly baseMs: number;
  /** Longest delay of all. */
  readonly maxMs: number;
}

/**
 * Delay before attempt `attempt` (counted from 0): the first at once, then doubling up to a bound, each between half
 * of its value and the whole, so that the clients of a dead server do not come back in one wave.
 */
export function backoffDelayMs(attempt: number, options: BackoffOptions, random: () => number): number {
  if (attempt === 0) return 0;
  const ceilingMs = Math.min(options.maxMs, options.baseMs * 2 ** Math.min(attempt - 1, 30));
  return Math.round(ceilingMs * (0.5 + random() / 2));
}
