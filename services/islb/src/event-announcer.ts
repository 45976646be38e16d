import type { EventBus } from "@cation/cluster/events/event-bus";
import { publishRoomEvent } from "@cation/cluster/events/room-events";
import { Participant, RoomEvent } from "@cation/proto/state/v1/state";
import type { Clock, Timer } from "@cation/service-kit/clock";

/** Who comes and goes is told one by one up to so many participants: nodes introduce people to each other until then. */
export const BATCHED_FROM_PARTICIPANTS = 100;
/** Beyond it, so long is waited for more … */
const BATCH_MS = 100;
/** … unless there are so many. */
const BATCH_EVENTS = 512;

interface Batch {
  readonly events: RoomEvent[];
  readonly timer: Timer;
}

/**
 * Tells nodes of the changes of rooms. In a large room people come and go all the time, which is nothing to anybody but a
 * number: there such changes travel together, and without names. So the messages of a join storm are as many as the nodes
 * and the tenths of a second that it lasts, and not joins times nodes.
 */
export class EventAnnouncer {
  readonly #events: EventBus;
  readonly #clock: Clock;
  readonly #batches = new Map<string, Batch>();

  constructor(events: EventBus, clock: Clock) {
    this.#events = events;
    this.#clock = clock;
  }

  publish(event: RoomEvent): void {
    const { roomId } = event;
    const batch = this.#batches.get(roomId);
    if (batch && batch.events[0].epoch !== event.epoch) this.#flush(roomId);
    if (!isMinor(event)) {
      this.#flush(roomId);
      publishRoomEvent(this.#events, event);
      return;
    }
    this.#add(roomId, withoutNames(event));
  }

  /** Tells what waits. Idempotent. */
  close(): void {
    for (const roomId of [...this.#batches.keys()]) this.#flush(roomId);
  }

  #add(roomId: string, event: RoomEvent): void {
    const batch = this.#batches.get(roomId);
    if (!batch) {
      const timer = this.#clock.setTimer(BATCH_MS, () => this.#flush(roomId));
      this.#batches.set(roomId, { events: [event], timer });
      return;
    }
    batch.events.push(event);
    if (batch.events.length >= BATCH_EVENTS) this.#flush(roomId);
  }

  #flush(roomId: string): void {
    const batch = this.#batches.get(roomId);
    if (!batch) return;
    batch.timer.cancel();
    this.#batches.delete(roomId);
    const last = batch.events.at(-1) as RoomEvent;
    if (batch.events.length === 1) return publishRoomEvent(this.#events, last);
    // Room and epoch are the same in all.
    const events = batch.events.map((event) => ({ ...event, roomId: "", epoch: 0 }));
    publishRoomEvent(this.#events, { ...last, change: { $case: "batch", value: { events } } });
  }
}

function isMinor({ change, participantCount }: RoomEvent): boolean {
  const isComing = change?.$case === "participantJoined" || change?.$case === "participantLeft";
  return isComing && participantCount > BATCHED_FROM_PARTICIPANTS;
}

/** Who joined is nobody's business but the count's; who left may have published, or have to be sent away. */
function withoutNames(event: RoomEvent): RoomEvent {
  if (event.change?.$case !== "participantJoined") return event;
  return RoomEvent.create({ ...event, change: { $case: "participantJoined", value: Participant.create() } });
}
