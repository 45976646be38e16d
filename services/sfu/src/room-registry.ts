import type { RoomPosition } from "@cation/proto/islb/v1/islb";
import type { OpenSession } from "@cation/proto/sfu/v1/sfu";
import { LeaveReason } from "@cation/proto/state/v1/state";
import { CodedError } from "@cation/service-kit/coded-error";
import { Room } from "./room.ts";
import type { OpenedSession, RoomDeps } from "./room.ts";

/** Rooms with sessions on this worker. */
export class RoomRegistry {
  readonly #deps: RoomDeps;
  readonly #rooms = new Map<string, Room>();

  constructor(deps: RoomDeps) {
    this.#deps = deps;
  }

  get rooms(): ReadonlyMap<string, Room> {
    return this.#rooms;
  }

  get sessionCount(): number {
    let count = 0;
    for (const room of this.#rooms.values()) count += room.sessions.size + room.departingCount;
    return count;
  }

  /** What the node's report says of its rooms. */
  get positions(): RoomPosition[] {
    return [...this.#rooms.values()].map((room) => room.position);
  }

  get(roomId: string): Room | undefined {
    return this.#rooms.get(roomId);
  }

  /** Opens a session in its room, which is made where it is not there, and goes with its last session. */
  open(request: OpenSession): OpenedSession {
    const room = this.#obtain(request.room?.room?.roomId ?? "");
    try {
      return room.open(request);
    } catch (error) {
      if (room.sessions.size === 0 && room.departingCount === 0) room.close(LeaveReason.UNSPECIFIED);
      throw error;
    }
  }

  /** Throws STALE_EPOCH where another node knows an older reign of the room than this one has obeyed. */
  checkEpoch(roomId: string, epoch: number): void {
    const room = this.#rooms.get(roomId);
    if (!room) return;
    if (epoch < room.epoch) throw new CodedError("STALE_EPOCH");
    if (epoch > room.epoch) room.requestRead();
  }

  /** Ends every session. Idempotent. */
  close(): void {
    for (const room of [...this.#rooms.values()]) room.close(LeaveReason.NODE_LOST);
  }

  #obtain(roomId: string): Room {
    const known = this.#rooms.get(roomId);
    if (known) return known;
    const room: Room = new Room(roomId, this.#deps, () => {
      if (this.#rooms.get(roomId) === room) this.#rooms.delete(roomId);
    });
    this.#rooms.set(roomId, room);
    return room;
  }
}
