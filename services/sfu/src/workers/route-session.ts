import type { Event } from "@cation/proto/client/v1/client";
import type { SessionDown, SessionUp, SfuService } from "@cation/proto/sfu/v1/sfu";
import { LeaveReason } from "@cation/proto/state/v1/state";
import { CodedError, toProtoError } from "@cation/service-kit/coded-error";
import type { RoomLease } from "./room-assignments.ts";

/** A worker that sessions are on. */
export interface SessionTarget {
  readonly worker: { readonly sfu: SfuService; readonly alive: boolean };
}

const LOST = "The media worker of this room failed. Join again.";

/**
 * Serves a session stream by the worker that has the room, which the first message names. When that worker dies, the
 * client is told that its session is over, with a reason after which it joins again.
 */
export async function* routeSession(
  requests: AsyncIterable<SessionUp>,
  acquire: (roomId: string) => RoomLease<SessionTarget> | undefined,
): AsyncGenerator<SessionDown> {
  const up = requests[Symbol.asyncIterator]();
  const first = await up.next();
  if (first.done === true) return;
  const lease = acquire(roomOf(first.value));
  if (!lease) {
    yield refusal();
    return;
  }
  const { worker } = lease.target;
  let lastSequence: number | undefined;
  try {
    for await (const down of worker.sfu.session(prepend(first.value, up))) {
      lastSequence = sequenceOf(down) ?? lastSequence;
      yield down;
    }
  } catch (error) {
    if (worker.alive) throw error;
    yield lastSequence === undefined ? refusal() : ending(lastSequence + 1);
  } finally {
    lease.release();
  }
}

function roomOf({ up }: SessionUp): string {
  if (up?.$case === "open") return up.value.room?.room?.roomId ?? "";
  return up?.$case === "resume" ? up.value.roomId : "";
}

/** Reads on behind its first item, and ends when the other side takes no more. */
function prepend<T>(first: T, rest: AsyncIterator<T>): AsyncIterable<T> {
  let pending: T | undefined = first;
  const iterator: AsyncIterator<T> = {
    next: () => {
      if (pending === undefined) return rest.next();
      const value = pending;
      pending = undefined;
      return Promise.resolve({ done: false, value });
    },
    return: () => rest.return?.() ?? Promise.resolve({ done: true, value: undefined }),
  };
  return { [Symbol.asyncIterator]: () => iterator };
}

/** Number of the last event that the client has been told, or that its state already shows. */
function sequenceOf({ down }: SessionDown): number | undefined {
  if (down?.$case === "opened") return down.value.eventSequence;
  if (down?.$case !== "message" || down.value.message?.$case !== "event") return undefined;
  return down.value.message.value.sequence;
}

function lost() {
  return { reason: LeaveReason.NODE_LOST, error: toProtoError(new CodedError("SFU_UNAVAILABLE", LOST)) };
}

function refusal(): SessionDown {
  return { down: { $case: "refused", value: lost() } };
}

function ending(sequence: number): SessionDown {
  const event: Event = { sequence, event: { $case: "sessionEnded", value: lost() } };
  return { down: { $case: "message", value: { message: { $case: "event", value: event } } } };
}
