import { TrackSource } from "@cation/proto/common/v1/common";
import { beforeEach, describe, expect, it } from "vitest";
import type { FakeConsumer } from "../testing/fake-media.ts";
import { TestRooms } from "../testing/test-room.ts";
import type { TestClient } from "../testing/test-room.ts";
import { testAnswer, testOffer } from "../testing/test-sdp.ts";

let rooms: TestRooms;
let speaker: TestClient;
let listener: TestClient;

async function publishSound(client: TestClient): Promise<string> {
  const sdp = testOffer([{ mid: "0", kind: "audio", ssrc: 1 }]);
  const track = { mid: "0", source: TrackSource.MICROPHONE, name: "", muted: false, encodings: [], trackId: "" };
  const result = await client.ask({ $case: "publisherOffer", value: { sdp, tracks: [track] } });
  if (result.$case !== "publisherAnswer") throw new Error(result.$case);
  return result.value.tracks[0].trackId;
}

async function listen(client: TestClient): Promise<FakeConsumer> {
  const { offerId, sdp } = client.stream.newestOffer;
  await client.ask({ $case: "subscriberAnswer", value: { offerId, sdp: testAnswer(sdp) } });
  for (const transport of rooms.media.transports) transport.become("connected");
  const consumer = [...rooms.media.consumers].at(-1);
  if (!consumer) throw new Error("nothing flows");
  return consumer;
}

beforeEach(async () => {
  rooms = new TestRooms();
  speaker = await rooms.join();
  listener = await rooms.join();
});

describe("the quality of a room's connections", () => {
  it("is told to whom it concerns, every few seconds, with figures of each track", async () => {
    const trackId = await publishSound(speaker);
    const consumer = await listen(listener);
    consumer.reported = { fractionLost: 0.1, jitterUs: 4_000, bytes: 10_000 };
    await rooms.clock.advanceAsync(4_100);
    consumer.reported = { ...consumer.reported, bytes: 50_000 };
    await rooms.clock.advanceAsync(4_000);
    const reports = listener.stream.find("mediaReport");
    expect(reports.length).toBe(2);
    expect(reports[1]).toMatchObject({
      targetBps: 0,
      roundTripMs: 30,
      received: [{ trackId, bitrateBps: 80_000, loss: 0.1, jitterMs: 4, paused: false }],
      sent: [],
    });
    expect(reports[1].received[0].score).toBeGreaterThan(2);
    expect(reports[1].received[0].score).toBeLessThan(4);
    expect(speaker.stream.find("mediaReport").at(-1)?.sent).toMatchObject([{ trackId }]);
  });

  it("of one who only listens is told to nobody else, of one who speaks to everybody, and only when it changed", async () => {
    await publishSound(listener);
    await publishSound(speaker);
    const quiet = await rooms.join();
    const consumer = await listen(quiet);
    const ofSpeaker = await listen(speaker);
    consumer.reported = { fractionLost: 0, jitterUs: 0, bytes: 1 };
    ofSpeaker.reported = { fractionLost: 0.3, jitterUs: 0, bytes: 1 };
    await rooms.clock.advanceAsync(20_000);
    const told = (client: TestClient) =>
      client.stream.find("connectionQualities").flatMap(({ participants }) => participants);
    const ids = (client: TestClient) => told(client).map(({ participantId }) => participantId);
    expect(ids(quiet)).toContain(quiet.participant.participantId);
    expect(ids(listener)).not.toContain(quiet.participant.participantId);
    expect(ids(listener)).toEqual([speaker.participant.participantId]);
    expect(told(listener)[0].score).toBeLessThan(3);
    // Who joins later hears of it at once.
    const late = await rooms.join();
    expect(ids(late)).toEqual([speaker.participant.participantId]);
  });

  it("crosses nodes by the room's subject, and survives what is no message", async () => {
    await publishSound(speaker);
    rooms.events.publish("room.room.quality", Uint8Array.of(0xff, 0xff, 0xff));
    await rooms.settle();
    expect(listener.stream.find("connectionQualities")).toEqual([]);
  });
});
