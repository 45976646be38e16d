import type { IslbService, RoomPosition } from "@cation/proto/islb/v1/islb";
import { LeaveReason } from "@cation/proto/state/v1/state";
import { toCodedError } from "@cation/service-kit/coded-error";
import type { Logger } from "@cation/service-kit/logger";

/** Calls under way at the same time. */
const MAX_CALLS = 16;

/**
 * Tells islb of participants whose worker died, so that nobody watches their empty tiles until the node's reports have
 * shown that they are gone. Where that fails, the reports do it. Never rejects.
 */
export async function tellLost(
  rooms: readonly RoomPosition[],
  islb: Pick<IslbService, "leave">,
  logger: Logger,
): Promise<void> {
  const lost = rooms.flatMap(({ roomId, epoch, participantIds }) =>
    participantIds.map((participantId) => ({
      roomId,
      epoch,
      participantId,
      reason: LeaveReason.NODE_LOST,
      nodeId: "",
    })),
  );
  let failures = 0;
  const tell = async (): Promise<void> => {
    for (let request = lost.pop(); request; request = lost.pop()) {
      await islb.leave(request).catch((error: unknown) => {
        failures += 1;
        if (failures === 1) logger.warn({ err: toCodedError(error) }, "lost participants not told to islb");
      });
    }
  };
  await Promise.all(Array.from({ length: MAX_CALLS }, tell));
}
