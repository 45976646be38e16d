import type { JoinRequest, JoinResponse } from "@cation/proto/islb/v1/islb";
import type { RoomOccupancy } from "@cation/cluster/store/room-store";
import { traced } from "@cation/service-kit/span";
import { publishChange } from "./islb-context.ts";
import type { IslbContext } from "./islb-context.ts";
import { makeParticipantId } from "./participant-id.ts";
import { place } from "./placement/placement.ts";
import { checkJoin } from "./request-checks.ts";

/**
 * Enters a participant: chooses its node, reserves, and writes. The node is noted to be in the room before the participant
 * is, so that whoever cleans up after the node finds it. Only where the room seems full that comes after: the store keeps
 * the limit, and those whom it refuses shall not weigh on the node.
 */
export async function join(context: IslbContext, request: JoinRequest): Promise<JoinResponse> {
  checkJoin(request);
  await context.pacer.wait(request.roomId);
  const { store, registry, settings, clock, random, logger } = context;
  const { roomId, identity } = request;
  const [records, occupancy] = await Promise.all([registry.list(), store.readOccupancy(roomId)]);
  const node = place(request, records, occupancy, settings, random);
  const reserve = () => registry.reserve(node.nodeId, roomId, settings.reservationMs);
  const seemsFull = occupancy !== undefined && isFull(occupancy);
  if (!seemsFull) await reserve();
  const participant = {
    participantId: makeParticipantId(random),
    identity,
    name: request.name === "" ? identity : request.name,
    grants: request.grants,
    nodeId: node.nodeId,
    joinedAtMs: clock.nowMs(),
    metadata: request.metadata,
  };
  const { maxParticipants } = request;
  const joined = await traced("store join", {}, () => store.joinRoom({ roomId, participant, maxParticipants }));
  publishChange(context, joined);
  if (seemsFull) await reserve();
  const room = await context.relayPlans.include(joined.room, node.nodeId, occupancy);
  const { participantId, nodeId } = participant;
  logger.debug({ roomId, participantId, nodeId, replaced: joined.replaced?.participantId }, "joined");
  return {
    participant,
    node,
    room,
    replacedParticipantId: joined.replaced?.participantId ?? "",
    replacedNode: records.find((record) => record.node.nodeId === joined.replaced?.nodeId)?.node,
  };
}

function isFull({ participants, maxParticipants }: RoomOccupancy): boolean {
  return maxParticipants > 0 && participants >= maxParticipants;
}
