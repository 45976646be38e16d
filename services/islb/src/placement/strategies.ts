import { placeByAffinity } from "./affinity.ts";
import type { PlacementStrategy } from "./placement-strategy.ts";
import { placeBySpread } from "./spread.ts";

export const PLACEMENT_NAMES = ["affinity", "spread", "pinned"] as const;
export type PlacementName = (typeof PLACEMENT_NAMES)[number];

/** How to choose when no node is asked for. `pinned` differs only in obeying where one is. */
export function strategyOf(name: PlacementName): PlacementStrategy {
  return name === "spread" ? placeBySpread : placeByAffinity;
}
