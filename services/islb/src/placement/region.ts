import { chooseOfTwo, preferRegion } from "./choosing.ts";
import type { PlacementStrategy } from "./placement-strategy.ts";

/** One of the less loaded nodes near the client, wherever the rest of the room is. */
export const placeByRegion: PlacementStrategy = (request, candidates, _limits, random) =>
  chooseOfTwo(preferRegion(candidates, request.region), random);
