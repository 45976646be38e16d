import type { NodeRecord } from "@cation/cluster/store/node-registry";
import type { RoomOccupancy } from "@cation/cluster/store/room-store";
import type { Node } from "@cation/proto/state/v1/state";

/** A node as placement sees it. */
export interface Candidate {
  readonly node: Node;
  /** Measured stress, and what the participants placed since are expected to add: 0 idle … 1 full. */
  readonly stress: number;
  /** Participants, those placed since included. */
  readonly participants: number;
  /** Participants of the room that is asked for. */
  readonly participantsOfRoom: number;
}

/** So many participants at least are needed to take the measured stress of one from the node's. */
const MIN_MEASURED_PARTICIPANTS = 10;
/** Stress of a participant on a node that says nothing of its capacity. */
const ASSUMED_STRESS = 0.005;

/** A node with what its reports do not show yet. */
export function toCandidate(record: NodeRecord, occupancy: RoomOccupancy | undefined): Candidate {
  const { node, reservedJoins } = record;
  return {
    node,
    stress: (node.load?.stress ?? 0) + reservedJoins * expectStressPerJoin(node),
    participants: (node.load?.participants ?? 0) + reservedJoins,
    participantsOfRoom: occupancy?.nodes.get(node.nodeId) ?? 0,
  };
}

/** Participants that a node can carry. Infinite when it does not say. */
export function capacityOf(node: Node): number {
  const maximum = node.capacity?.maxParticipants ?? 0;
  return maximum > 0 ? maximum : Infinity;
}

function expectStressPerJoin(node: Node): number {
  const capacity = capacityOf(node);
  const byCapacity = capacity === Infinity ? ASSUMED_STRESS : 1 / capacity;
  const { stress = 0, participants = 0 } = node.load ?? {};
  const measured = participants >= MIN_MEASURED_PARTICIPANTS ? stress / participants : 0;
  return Math.max(byCapacity, measured);
}
