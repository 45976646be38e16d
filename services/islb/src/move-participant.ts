import type { NodeRecord } from "@cation/cluster/store/node-registry";
import type { JoinResponse, MoveParticipantRequest } from "@cation/proto/islb/v1/islb";
import type { Participant } from "@cation/proto/state/v1/state";
import { CodedError } from "@cation/service-kit/coded-error";
import { explainAbsence } from "./departed-participant.ts";
import { publishChange } from "./islb-context.ts";
import type { IslbContext } from "./islb-context.ts";
import type { NodeVitals } from "./node-vitals.ts";
import { place } from "./placement/placement.ts";
import { checkId } from "./request-checks.ts";

/**
 * Puts a participant on another node than the one at the given address, and answers as to a join there. Where it is on
 * another one already (the answer was lost, or two clients ask), that one is the answer, unless it is lost too.
 */
export async function moveParticipant(
  context: IslbContext,
  vitals: NodeVitals,
  request: MoveParticipantRequest,
): Promise<JoinResponse> {
  const { roomId, participantId, fromAddress, onlyIfLost } = request;
  checkId("room_id", roomId);
  checkId("participant_id", participantId);
  const { store, registry } = context;
  const [found, records] = await Promise.all([store.readParticipant(roomId, participantId), registry.list()]);
  if (!found) throw await explainAbsence(store, roomId, participantId);
  const { participant } = found;
  const from = records.find(({ node }) => node.nodeId === participant.nodeId);
  if (from && from.node.grpcAddress !== fromAddress) {
    if (from.leaseRemainingMs > 0 || !(await vitals.isLost(from))) return describe(context, roomId, participant, from);
  } else if (from && onlyIfLost && !(await vitals.confirmLost(participant.nodeId))) {
    throw new CodedError("SFU_UNAVAILABLE", "The media node lives; it cannot be reached from here.");
  }
  return relocate(context, request, participant);
}

async function describe(
  { store }: IslbContext,
  roomId: string,
  participant: Participant,
  { node }: NodeRecord,
): Promise<JoinResponse> {
  const room = await store.readRoom(roomId);
  return { participant, node, room, replacedParticipantId: "", replacedNode: undefined };
}

async function relocate(
  context: IslbContext,
  { roomId, region }: MoveParticipantRequest,
  { participantId, nodeId: fromNodeId }: Participant,
): Promise<JoinResponse> {
  const { store, registry, settings, random, logger, metrics } = context;
  // Read again: deciding may have taken seconds.
  const [records, occupancy] = await Promise.all([registry.list(), store.readOccupancy(roomId)]);
  const others = records.filter(({ node }) => node.nodeId !== fromNodeId);
  const node = place({ region, nodeId: "" }, others, occupancy, settings, random);
  await registry.reserve(node.nodeId, roomId, settings.reservationMs);
  const moved = await store.moveParticipant({ roomId, participantId, fromNodeId, toNodeId: node.nodeId });
  publishChange(context, moved);
  metrics.moves.inc();
  logger.debug({ roomId, participantId, fromNodeId, nodeId: moved.participant.nodeId }, "moved");
  // Somebody else was quicker, and chose another node.
  const target = others.find((record) => record.node.nodeId === moved.participant.nodeId)?.node;
  if (!target) throw new CodedError("NODE_NOT_FOUND");
  const room = await context.relayPlans.include(moved.room, target.nodeId, occupancy);
  return {
    participant: moved.participant,
    node: target,
    room,
    replacedParticipantId: "",
    replacedNode: undefined,
  };
}
