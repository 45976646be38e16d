import type { RoomReplica } from "@cation/cluster/room-replica";
import type { GoneParticipant, IslbService } from "@cation/proto/islb/v1/islb";
import type { Participant } from "@cation/proto/state/v1/state";
import { toCodedError } from "@cation/service-kit/coded-error";
import type { Logger } from "@cation/service-kit/logger";

/** Participants that one call brings back. */
const PAGE = 500;

export interface BringBackDeps {
  readonly islb: Pick<IslbService, "restoreRoom">;
  readonly logger: Logger;
  readonly nodeId: string;
}

/**
 * Tells islb what it has lost of a room, page by page, tracks last: this node's participants, and of other nodes those who
 * publish. Resolves with those who left or were replaced meanwhile. Never rejects: the next report asks again.
 */
export async function bringBackRoom(
  { islb, logger, nodeId }: BringBackDeps,
  { room, publishers, tracks }: RoomReplica,
  own: readonly Participant[],
): Promise<GoneParticipant[]> {
  const participants = [...own, ...[...publishers.values()].filter((publisher) => publisher.nodeId !== nodeId)];
  const gone: GoneParticipant[] = [];
  try {
    for (let first = 0; first < participants.length; first += PAGE) {
      const page = participants.slice(first, first + PAGE);
      const isLast = first + PAGE >= participants.length;
      const request = { room, participants: page, tracks: isLast ? [...tracks.values()] : [], nodeId };
      const answer = await islb.restoreRoom(request);
      gone.push(...answer.gone);
    }
  } catch (error) {
    logger.warn({ err: toCodedError(error), roomId: room.roomId }, "room not brought back, will retry");
  }
  return gone;
}
