import type { RestoreRoomRequest, RestoreRoomResponse } from "@cation/proto/islb/v1/islb";
import { Node } from "@cation/proto/state/v1/state";
import { CodedError } from "@cation/service-kit/coded-error";
import type { IslbContext } from "./islb-context.ts";
import { checkId, checkTrack } from "./request-checks.ts";

/**
 * Brings back what a node knows of a room that the store has lost. Publishers on other nodes come too, so that nobody who
 * reads the room meanwhile believes their tracks gone; those nodes are put on record, in case they never speak again.
 */
export async function restoreRoom(context: IslbContext, request: RestoreRoomRequest): Promise<RestoreRoomResponse> {
  const { store, registry, metrics, logger } = context;
  const { room, participants, tracks, nodeId } = request;
  if (!room) throw new CodedError("MESSAGE_MALFORMED", "room is missing");
  checkId("room.room_id", room.roomId);
  for (const participant of participants) {
    checkId("participants.participant_id", participant.participantId);
    checkId("participants.identity", participant.identity);
    checkId("participants.node_id", participant.nodeId);
  }
  for (const track of tracks) checkTrack(track);
  const others = new Set(participants.map((participant) => participant.nodeId));
  others.delete(nodeId);
  // Where they are is theirs to report.
  for (const other of others) await registry.adopt(Node.create({ nodeId: other }), room.roomId);
  const { epoch, version, restored, gone } = await store.restoreRoom({ room, participants, tracks });
  metrics.restored.inc(restored);
  if (restored > 0) logger.warn({ roomId: room.roomId, restored, epoch }, "room restored from a node");
  return { epoch, version, gone: [...gone] };
}
