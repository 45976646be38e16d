/** Why a subscriber gets of a track what it gets. */
export const AllocationReason = {
  /** The best that was wished and is being sent. */
  AS_WISHED: 0,
  /** Less than that, or nothing: the rest does not fit into what the network is thought to carry. */
  BANDWIDTH: 1,
  /** Nothing is being sent that could be forwarded. */
  NO_SOURCE: 2,
  /** The receiver, or whoever muted the track, wants nothing. */
  PAUSED: 3,
} as const;

export type AllocationReason = (typeof AllocationReason)[keyof typeof AllocationReason];
