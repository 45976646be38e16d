import { chooseOfTwo, preferRegion } from "./choosing.ts";
import type { PlacementStrategy } from "./placement-strategy.ts";

/** Spreads a room over the nodes near the client: the one with fewest of the room, of several one of the less loaded. */
export const placeBySpread: PlacementStrategy = (request, candidates, _limits, random) => {
  const near = preferRegion(candidates, request.region);
  const fewest = Math.min(...near.map(({ participantsOfRoom }) => participantsOfRoom));
  return chooseOfTwo(
    near.filter(({ participantsOfRoom }) => participantsOfRoom === fewest),
    random,
  );
};
