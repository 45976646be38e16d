import { placeByAffinity } from "./affinity.ts";
import type { PlacementStrategy } from "./placement-strategy.ts";
import { placeByRegion } from "./region.ts";
import { placeBySpread } from "./spread.ts";

export const PLACEMENT_NAMES = ["affinity", "spread", "region", "pinned"] as const;
export type PlacementName = (typeof PLACEMENT_NAMES)[number];

/** How to choose when no node is asked for. `pinned` differs only in obeying where one is. */
export function strategyOf(name: PlacementName): PlacementStrategy {
  switch (name) {
    case "spread":
      return placeBySpread;
    case "region":
      return placeByRegion;
    default:
      return placeByAffinity;
  }
}
