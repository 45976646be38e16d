import type { Candidate } from "./candidate.ts";

/** What is known of who is to be placed. */
export interface PlacementRequest {
  /** Region of the client; empty for none in particular. */
  readonly region: string;
  /** Node asked for; empty for none. */
  readonly nodeId: string;
}

export interface PlacementLimits {
  /** Part of a node's participants that one room may take before placement goes to another node. */
  readonly roomShare: number;
  readonly affinityMaxStress: number;
}

/**
 * Chooses among nodes that are alive, not leaving and not full; there is at least one.
 *
 * @param random uniform in 0 … 1.
 */
export type PlacementStrategy = (
  request: PlacementRequest,
  candidates: readonly Candidate[],
  limits: PlacementLimits,
  random: () => number,
) => Candidate;
