import { TrackSource } from "@cation/proto/common/v1/common";
import { beforeEach, describe, expect, it } from "vitest";
import type { FakeConsumer, FakeProducer } from "../testing/fake-media.ts";
import { TestRooms } from "../testing/test-room.ts";
import type { TestClient } from "../testing/test-room.ts";
import { testAnswer, testOffer } from "../testing/test-sdp.ts";

/** Lines of sound in test rooms. */
const LINES = 3;

let rooms: TestRooms;
let listener: TestClient;
beforeEach(async () => {
  rooms = new TestRooms();
  listener = await rooms.join();
});

interface Speaker {
  readonly client: TestClient;
  readonly trackId: string;
  readonly producer: FakeProducer;
}

async function addSpeaker(camera = false): Promise<Speaker> {
  const client = await rooms.join({ autoSubscribe: false });
  const kinds = camera ? (["audio", "video"] as const) : (["audio"] as const);
  const sdp = testOffer(kinds.map((kind, i) => ({ mid: String(i), kind, ssrc: i + 1 })));
  const sources = [TrackSource.MICROPHONE, TrackSource.CAMERA];
  const tracks = kinds.map((_, i) => ({
    mid: String(i),
    source: sources[i],
    name: "",
    muted: false,
    encodings: [],
    trackId: "",
  }));
  const result = await client.ask({ $case: "publisherOffer", value: { sdp, tracks } });
  if (result.$case !== "publisherAnswer") throw new Error(JSON.stringify(result));
  const producer = [...rooms.media.producers].find(({ params }) => params.trackId === result.value.tracks[0].trackId);
  if (!producer) throw new Error("no producer");
  return { client, trackId: result.value.tracks[0].trackId, producer };
}

async function answer(client = listener): Promise<void> {
  for (let answered = 0; answered !== client.stream.newestOffer.offerId;) {
    const { offerId, sdp } = client.stream.newestOffer;
    answered = offerId;
    await client.ask({ $case: "subscriberAnswer", value: { offerId, sdp: testAnswer(sdp) } });
    await wait(50);
  }
  for (const transport of rooms.media.transports) {
    if (transport.options.cname === client.participant.participantId) transport.become("connected");
  }
}

const audioConsumers = (): FakeConsumer[] =>
  [...rooms.media.consumers].filter(({ params }) => params.codecs[0].mimeType.startsWith("audio"));
const heard = (): FakeProducer[] => audioConsumers().map(({ producer }) => producer);
const speakersTold = () => listener.stream.find("activeSpeakers").at(-1)?.participantIds;
const wait = (ms: number) => rooms.clock.advanceAsync(ms);

describe("the sound of a room", () => {
  it("has a line for each track while there are few, and no binding changes", async () => {
    const speakers = [await addSpeaker(), await addSpeaker(), await addSpeaker()];
    await answer();
    for (const { producer } of speakers) producer.level = 100;
    await wait(2_000);
    expect(new Set(heard())).toEqual(new Set(speakers.map(({ producer }) => producer)));
    expect(listener.stream.find("trackBindings")).toEqual([]);
  });

  it("of two hundred open microphones costs a listener three lines, which follow who speaks", async () => {
    const speakers: Speaker[] = [];
    for (let i = 0; i < 200; i++) speakers.push(await addSpeaker());
    await answer();
    expect(audioConsumers()).toHaveLength(LINES);
    expect(listener.stream.newestOffer.tracks).toHaveLength(LINES);
    const offers = listener.stream.find("subscriberOffer").length;
    const late = speakers[150];
    late.producer.level = 100;
    await wait(500);
    expect(heard()).toContain(late.producer);
    const [binding] = listener.stream.find("trackBindings").flatMap(({ tracks }) => tracks);
    expect(binding).toMatchObject({ trackId: late.trackId, participantId: late.client.participant.participantId });
    const consumer = audioConsumers().find(({ producer }) => producer === late.producer);
    expect(consumer?.params.mid).toBe(binding.mid);
    // Another participant's clock must not lead the first one's picture astray.
    expect(consumer?.keepsClock).toBe(true);
    const others = speakers.slice(100, 110);
    for (const { producer } of others) producer.level = 110;
    await wait(1_500);
    expect(audioConsumers()).toHaveLength(LINES);
    expect(others.filter(({ producer }) => heard().includes(producer))).toHaveLength(LINES);
    expect(listener.stream.find("subscriberOffer")).toHaveLength(offers);
    expect(speakersTold()?.length).toBe(LINES);
  });

  it("gives the line of a track that is gone to one that waits", async () => {
    const speakers: Speaker[] = [];
    for (let i = 0; i < 4; i++) speakers.push(await addSpeaker());
    await answer();
    expect(heard()).not.toContain(speakers[3].producer);
    await speakers[1].client.ask({ $case: "unpublish", value: { trackId: speakers[1].trackId } });
    expect(heard()).toContain(speakers[3].producer);
    expect(audioConsumers()).toHaveLength(LINES);
  });

  it("names who speaks, the dominant one first, and puts their picture before others'", async () => {
    const ada = await addSpeaker(true);
    const bob = await addSpeaker();
    await answer();
    ada.producer.level = 95;
    await wait(1_000);
    expect(speakersTold()).toEqual([ada.client.participant.participantId]);
    const camera = [...rooms.media.producers].find(({ params }) => params.kind === "video");
    expect(camera?.spokeAtUs).toBeGreaterThan(0);
    bob.producer.level = 110;
    await wait(2_000);
    expect(speakersTold()?.[0]).toBe(bob.client.participant.participantId);
    ada.producer.level = 0;
    bob.producer.level = 0;
    await wait(4_000);
    expect(speakersTold()).toEqual([]);
    const events = listener.stream.find("activeSpeakers").length;
    await wait(4_000);
    expect(listener.stream.find("activeSpeakers")).toHaveLength(events);
  });

  it("does not hear who is muted by others", async () => {
    const ada = await addSpeaker();
    await answer();
    ada.producer.level = 100;
    await listener.ask({ $case: "setMuted", value: { trackId: ada.trackId, muted: true } });
    await wait(1_000);
    expect(speakersTold()).toBeUndefined();
  });

  it("chooses what goes over links: all while there are few, else who speaks", async () => {
    const speakers: Speaker[] = [];
    for (let i = 0; i < 5; i++) speakers.push(await addSpeaker());
    const audio = rooms.registry.get("room")?.audio;
    expect(audio?.loudestHere().size).toBe(LINES);
    speakers[4].producer.level = 100;
    await wait(600);
    expect(audio?.loudestHere().has(speakers[4].trackId)).toBe(true);
  });

  it("leaves nothing behind", async () => {
    const speakers = [await addSpeaker(), await addSpeaker(), await addSpeaker(), await addSpeaker()];
    await answer();
    for (const { client } of speakers) await client.ask({ $case: "leave", value: {} });
    rooms.registry.close();
    await wait(1_000);
    expect(rooms.media.held).toBe(0);
    expect(rooms.clock.pendingTimers).toBe(0);
  });
});
