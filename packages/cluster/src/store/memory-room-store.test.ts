import { describe, expect, test } from "vitest";
import { VirtualClock } from "@cation/service-kit/virtual-clock";
import { MemoryRoomStore } from "./memory-room-store.ts";
import { makeParticipant, makeTrack } from "../testing/records.ts";
import { roomStoreContract } from "./room-store.contract.ts";

describe("room store in memory", () => {
  roomStoreContract((options) => {
    const clock = new VirtualClock();
    const store = new MemoryRoomStore(clock, options);
    return Promise.resolve({
      store,
      advance: (durationMs) => clock.advanceAsync(durationMs),
      close: () => store.close(),
    });
  });

  test("what a join gives does not grow with the audience", async () => {
    const store = new MemoryRoomStore(new VirtualClock());
    await store.joinRoom({ roomId: "r", participant: makeParticipant("teacher"), maxParticipants: 0 });
    await store.publishTrack({ roomId: "r", epoch: 0, track: makeTrack("1", "teacher") });
    for (let i = 0; i < 5_000; i += 1) {
      await store.joinRoom({ roomId: "r", participant: makeParticipant(`${i}`), maxParticipants: 0 });
    }
    const { room } = await store.joinRoom({ roomId: "r", participant: makeParticipant("last"), maxParticipants: 0 });
    expect(room.participants).toHaveLength(1);
    expect(room.participantCount).toBe(5_002);
  });
});
