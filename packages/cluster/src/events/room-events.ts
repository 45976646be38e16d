import { RoomEvent } from "@cation/proto/state/v1/state";
import { encodeToken } from "../token.ts";
import type { EventBus, Subscription } from "./event-bus.ts";

/** The subject of a room's events: `room.<room id>.event`. */
export function roomSubject(roomId: string): string {
  return `room.${encodeToken(roomId)}.event`;
}

/** Tells every node of a change. May get lost; the version in it shows that. */
export function publishRoomEvent(bus: EventBus, event: RoomEvent): void {
  bus.publish(roomSubject(event.roomId), RoomEvent.encode(event).finish());
}

/**
 * Hears the changes of a room, possibly twice, late, or with gaps: give them to a RoomReplica.
 *
 * @param onMalformed called for what is no event of this room; without it such a payload is dropped in silence.
 */
export function subscribeRoomEvents(
  bus: EventBus,
  roomId: string,
  handler: (event: RoomEvent) => void,
  onMalformed: () => void = () => {},
): Subscription {
  return bus.subscribe(roomSubject(roomId), (payload) => {
    const event = decodeEvent(payload);
    if (event?.roomId !== roomId) return onMalformed();
    if (event.change?.$case !== "batch") return handler(event);
    const { epoch } = event;
    for (const inner of event.change.value.events) handler({ ...inner, roomId, epoch });
  });
}

function decodeEvent(payload: Uint8Array): RoomEvent | undefined {
  try {
    return RoomEvent.decode(payload);
  } catch {
    return undefined;
  }
}
