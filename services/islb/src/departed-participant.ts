import type { RoomStore } from "@cation/cluster/store/room-store";
import { LeaveReason } from "@cation/proto/state/v1/state";
import { CodedError } from "@cation/service-kit/coded-error";

/** Why a participant is not there, as the error to answer with: a client acts differently on each. */
export async function explainAbsence(store: RoomStore, roomId: string, participantId: string): Promise<CodedError> {
  switch (await store.readDeparture(roomId, participantId)) {
    case LeaveReason.REPLACED:
      return new CodedError("SESSION_REPLACED");
    case LeaveReason.REMOVED:
      return new CodedError("PARTICIPANT_REMOVED");
    default:
      return new CodedError("PARTICIPANT_NOT_FOUND");
  }
}
