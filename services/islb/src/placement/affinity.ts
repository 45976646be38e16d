import { capacityOf } from "./candidate.ts";
import type { Candidate } from "./candidate.ts";
import { chooseOfTwo, preferRegion } from "./choosing.ts";
import type { PlacementLimits, PlacementStrategy } from "./placement-strategy.ts";

/**
 * Keeps a room together: near the client, the node that has most of the room, until its share for the room is full; else
 * one of the less loaded. Few links between nodes, and no node melts for one room.
 */
export const placeByAffinity: PlacementStrategy = (request, candidates, limits, random) => {
  const near = preferRegion(candidates, request.region);
  let best: Candidate | undefined;
  for (const candidate of near) {
    if (!hasShareLeft(candidate, limits)) continue;
    if (!best || candidate.participantsOfRoom > best.participantsOfRoom) best = candidate;
  }
  return best ?? chooseOfTwo(near, random);
};

function hasShareLeft(candidate: Candidate, { roomShare, affinityMaxStress }: PlacementLimits): boolean {
  const { participantsOfRoom, stress, node } = candidate;
  return participantsOfRoom > 0 && stress < affinityMaxStress && participantsOfRoom < capacityOf(node) * roomShare;
}
