import type { InspectedWorker } from "./inspect.ts";
import type { ParticipantSession } from "./participant-session.ts";

/** Which labels metrics of single rooms have. */
export type MetricsLabels = "none" | "room" | "participant";

/** What one participant gets, or all of a room together. */
export interface RoomFigures {
  readonly roomId: string;
  /** Empty for the room as a whole. */
  readonly participantId: string;
  readonly sessions: number;
  readonly consumers: number;
  /** Of the present consumers. */
  readonly sentBytes: number;
  /** Worst of the streams, as receivers reported it last, 0 … 1; 0 where none has. */
  readonly lossRatio: number;
  /** Worst; 0 where not known. */
  readonly roundTripUs: number;
}

/** Series are bounded whatever the configuration: the largest rooms come first, and the rest is left out. */
const MAX_SERIES = 500;

/** Figures of the rooms of a worker. Costs a walk over all consumers, so only where somebody wants them. */
export function readRoomFigures({ registry }: InspectedWorker, labels: MetricsLabels): readonly RoomFigures[] {
  if (labels === "none") return [];
  const rooms = [...registry.rooms.values()].toSorted((a, b) => b.sessions.size - a.sessions.size);
  const figures: RoomFigures[] = [];
  for (const { roomId, sessions } of rooms) {
    const each = Array.from(sessions.values(), ({ session }) => describe(roomId, session));
    const wanted = labels === "participant" ? each : [sumOf(roomId, each)];
    if (figures.length + wanted.length > MAX_SERIES) break;
    figures.push(...wanted);
  }
  return figures;
}

function describe(roomId: string, { participantId, subscriber }: ParticipantSession): RoomFigures {
  const sums = { consumers: 0, sentBytes: 0, lossRatio: 0, roundTripUs: 0 };
  for (const { consumer } of subscriber.subscribed.values()) {
    if (!consumer) continue;
    sums.consumers += 1;
    for (const { bytes, receiver } of consumer.streams) {
      sums.sentBytes += bytes;
      sums.lossRatio = Math.max(sums.lossRatio, receiver.fractionLost);
      sums.roundTripUs = Math.max(sums.roundTripUs, receiver.rttUs);
    }
  }
  return { roomId, participantId, sessions: 1, ...sums };
}

function sumOf(roomId: string, each: readonly RoomFigures[]): RoomFigures {
  const sums = { sessions: each.length, consumers: 0, sentBytes: 0, lossRatio: 0, roundTripUs: 0 };
  for (const { consumers, sentBytes, lossRatio, roundTripUs } of each) {
    sums.consumers += consumers;
    sums.sentBytes += sentBytes;
    sums.lossRatio = Math.max(sums.lossRatio, lossRatio);
    sums.roundTripUs = Math.max(sums.roundTripUs, roundTripUs);
  }
  return { roomId, participantId: "", ...sums };
}
