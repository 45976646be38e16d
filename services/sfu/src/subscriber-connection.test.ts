import { AllocationReason as EngineReason } from "@cation/engine/allocation/allocation-reason";
import { AllocationReason } from "@cation/proto/client/v1/client";
import { Grants } from "@cation/proto/common/v1/common";
import { LeaveReason } from "@cation/proto/state/v1/state";
import type { Track } from "@cation/proto/state/v1/state";
import { beforeEach, describe, expect, it } from "vitest";
import type { FakeConsumer } from "./testing/fake-media.ts";
import { TestRooms, ROOM_ID, TestStream } from "./testing/test-room.ts";
import type { TestClient } from "./testing/test-room.ts";
import { testAnswer, testOffer } from "./testing/test-sdp.ts";

let rooms: TestRooms;
let viewer: TestClient;
let publisher: TestClient;

beforeEach(async () => {
  rooms = new TestRooms();
  publisher = await rooms.join({ autoSubscribe: false });
  viewer = await rooms.join();
});

/** The publisher publishes these sources, all that it sends. */
async function publish(...mids: string[]): Promise<void> {
  const lines = ["0", "1", "2"].map((mid) => ({
    mid,
    kind: mid === "0" ? ("audio" as const) : ("video" as const),
    direction: mids.includes(mid) ? ("sendonly" as const) : ("inactive" as const),
  }));
  const tracks = mids.map((mid) => ({
    mid,
    source: [2, 1, 3][Number(mid)] as 1 | 2 | 3,
    name: "",
    muted: false,
    encodings: [],
    trackId: "",
  }));
  const result = await publisher.ask({ $case: "publisherOffer", value: { sdp: testOffer(lines), tracks } });
  expect(result.$case).toBe("publisherAnswer");
}

async function answer(client = viewer): Promise<void> {
  const { offerId, sdp } = client.stream.newestOffer;
  const result = await client.ask({ $case: "subscriberAnswer", value: { offerId, sdp: testAnswer(sdp) } });
  expect(result.$case).toBe("done");
}

const offers = () => viewer.stream.find("subscriberOffer");
const transportOf = (client: TestClient) =>
  [...rooms.media.transports].find(
    (one) => one.options.cname === client.participant.participantId && !isPublisher(one),
  );
const isPublisher = (one: { options: { extensions: { mid: number } } }) => one.options.extensions.mid > 0;
const tracks = (): Track[] => rooms.islb.snapshot(ROOM_ID).tracks;

describe("a subscriber connection", () => {
  it("offers nothing while there is nothing to send", () => {
    expect(offers()).toEqual([]);
    expect(rooms.media.transports.size).toBe(0);
  });

  it("offers tracks that come together in one offer, and names them", async () => {
    await publish("0", "1");
    expect(offers()).toHaveLength(1);
    const [audio, video] = tracks();
    const { participantId } = publisher.participant;
    expect(offers()[0].tracks).toEqual([
      { mid: "0", trackId: audio.trackId, participantId },
      { mid: "1", trackId: video.trackId, participantId },
    ]);
    expect(offers()[0].sdp).toContain(`a=msid:${participantId} ${audio.trackId}`);
  });

  it("sends when the client has answered and the keys are there, not before", async () => {
    await publish("0", "1");
    expect(rooms.media.consumers.size).toBe(0);
    await answer();
    expect(rooms.media.consumers.size).toBe(0);
    transportOf(viewer)?.become("connected");
    expect([...rooms.media.consumers].map(({ params }) => [params.mid, params.mode])).toEqual([
      ["0", "single"],
      ["1", "single"],
    ]);
    const [consumer] = rooms.media.consumers;
    expect(viewer.stream.newestOffer.sdp).toContain(`a=ssrc:${consumer.params.streams[0].ssrc} `);
  });

  it("has one offer outstanding; what changes meanwhile comes in the next", async () => {
    await publish("0");
    await publish("0", "1");
    await publish("0", "1", "2");
    await rooms.clock.advanceAsync(5_000);
    expect(offers()).toHaveLength(1);
    await answer();
    expect(offers()).toHaveLength(2);
    expect(offers()[1].tracks).toHaveLength(3);
    expect(offers()[1].offerId).toBeGreaterThan(offers()[0].offerId);
    await answer();
    await rooms.clock.advanceAsync(5_000);
    expect(offers()).toHaveLength(2);
  });

  it("does not send a track on an m-line that had another one in the offer that was answered", async () => {
    await publish("0");
    await answer();
    transportOf(viewer)?.become("connected");
    await publish("1");
    expect(rooms.media.consumers.size).toBe(0);
    await answer();
    expect([...rooms.media.consumers].map(({ params }) => params.mid)).toEqual(["1"]);
  });

  it("stops at once when a track is gone, and says so in the next offer", async () => {
    await publish("0", "1");
    await answer();
    transportOf(viewer)?.become("connected");
    const trackId = tracks()[1].trackId;
    await publisher.ask({ $case: "unpublish", value: { trackId } });
    expect(rooms.media.consumers.size).toBe(1);
    expect(
      offers()
        .at(-1)
        ?.tracks.map(({ mid }) => mid),
    ).toEqual(["0"]);
    expect(
      offers()
        .at(-1)
        ?.sdp.match(/a=inactive/g),
    ).toHaveLength(1);
  });

  it("recycles the m-line of a track that is gone", async () => {
    await publish("1");
    await answer();
    for (let i = 0; i < 3; i++) {
      await publish();
      await answer();
      await publish("1");
      await answer();
    }
    expect(offers().at(-1)?.sdp.match(/^m=/gm)).toHaveLength(1);
    expect(offers().at(-1)?.tracks).toEqual([expect.objectContaining({ mid: "0", trackId: tracks()[0].trackId })]);
  });

  it("follows wishes: none, paused, layers, and back", async () => {
    await publish("1");
    await answer();
    transportOf(viewer)?.become("connected");
    const { trackId } = tracks()[0];
    const wish = (value: object) =>
      viewer.ask({ $case: "setSubscription", value: { trackId, subscribed: true, paused: false, ...value } });
    await wish({ paused: true, maxSpatialId: 1, maxTemporalId: 99 });
    const [consumer] = rooms.media.consumers;
    expect(consumer.paused).toBe(true);
    expect(consumer.layers).toMatchObject({ maxSpatialId: 1, maxTemporalId: undefined });
    await wish({});
    expect(consumer.paused).toBe(false);
    await wish({ subscribed: false });
    expect(rooms.media.consumers.size).toBe(0);
    await answer();
    await wish({});
    await answer();
    expect(rooms.media.consumers.size).toBe(1);
  });

  it("tells what the network does not carry, once a change, and when it is whole again", async () => {
    await publish("1");
    await answer();
    transportOf(viewer)?.become("connected");
    const { trackId } = tracks()[0];
    const [consumer] = rooms.media.consumers;
    const share = async (allocation: FakeConsumer["allocation"]) => {
      consumer.allocation = allocation;
      consumer.onAllocation?.();
      await rooms.clock.advanceAsync(400);
    };
    const told = () => viewer.stream.find("trackAllocations").flatMap(({ tracks }) => tracks);
    await share({ reason: EngineReason.NO_SOURCE, spatialId: -1, temporalId: -1 });
    await share({ reason: EngineReason.AS_WISHED, spatialId: 2, temporalId: 3 });
    expect(told()).toEqual([]);
    const weak = { trackId, reason: AllocationReason.BANDWIDTH, spatialId: 0, temporalId: 0 };
    await share({ reason: EngineReason.BANDWIDTH, spatialId: -1, temporalId: -1 });
    await share({ reason: EngineReason.BANDWIDTH, spatialId: -1, temporalId: -1 });
    expect(told()).toEqual([{ ...weak, paused: true }]);
    const again = new TestStream();
    viewer.session.resume(again, 999);
    expect(again.find("trackAllocations")).toEqual([{ tracks: [{ ...weak, paused: true }] }]);
    viewer.session.resume(viewer.stream, 999);
    await share({ reason: EngineReason.AS_WISHED, spatialId: 2, temporalId: 3 });
    expect(told().at(-1)).toMatchObject({ trackId, reason: AllocationReason.AS_WISHED, paused: false });
  });

  it("sends nothing unasked to a client that did not ask for everything", async () => {
    await rooms.enter("there");
    const picky = await rooms.join({ autoSubscribe: false });
    await publish("0", "1");
    expect(picky.stream.find("subscriberOffer")).toEqual([]);
    const [{ trackId }] = tracks();
    await picky.ask({ $case: "setSubscription", value: { trackId, subscribed: true, paused: false } });
    expect(picky.stream.newestOffer.tracks.map((binding) => binding.trackId)).toEqual([trackId]);
  });

  it("sends nothing to a client that may not receive", async () => {
    const guest = await rooms.join({ grants: Grants.fromPartial({ subscribe: false }) });
    await publish("0");
    expect(guest.stream.find("subscriberOffer")).toEqual([]);
  });

  it("restarts ICE on demand, also while an offer is outstanding", async () => {
    await publish("0");
    await viewer.ask({ $case: "restartSubscriber", value: {} });
    expect(offers()).toHaveLength(2);
    expect(offers()[1].sdp).toContain("a=ice-ufrag:ufrag1");
    const [old] = offers();
    const late = await viewer.ask({
      $case: "subscriberAnswer",
      value: { offerId: old.offerId, sdp: testAnswer(old.sdp) },
    });
    expect(late).toMatchObject({ $case: "error", value: { code: "STALE_ANSWER" } });
    await answer();
    transportOf(viewer)?.become("connected");
    expect(rooms.media.consumers.size).toBe(1);
    await viewer.ask({ $case: "restartSubscriber", value: {} });
    expect(rooms.media.consumers.size).toBe(1);
    expect(transportOf(viewer)?.restarts).toBe(2);
  });

  it("begins anew, when asked, after the client closed its peer connection", async () => {
    await publish("0", "1");
    await answer();
    const before = transportOf(viewer);
    before?.become("connected");
    before?.become("closed");
    expect(rooms.media.consumers.size).toBe(0);
    expect(before?.closed).toBe(true);
    const count = offers().length;
    await publish("0");
    expect(offers()).toHaveLength(count);
    await viewer.ask({ $case: "restartSubscriber", value: {} });
    expect(offers().at(-1)?.sdp.match(/^m=/gm)).toHaveLength(1);
    await answer();
    transportOf(viewer)?.become("connected");
    expect(rooms.media.consumers.size).toBe(1);
  });

  it("sends nothing where the client rejects an m-line", async () => {
    await publish("0", "1");
    const { offerId, sdp } = viewer.stream.newestOffer;
    const rejecting = testAnswer(sdp).replace("m=video 9", "m=video 0");
    await viewer.ask({ $case: "subscriberAnswer", value: { offerId, sdp: rejecting } });
    transportOf(viewer)?.become("connected");
    expect([...rooms.media.consumers].map(({ params }) => params.mid)).toEqual(["0"]);
  });

  it("frees everything with its session", async () => {
    await publish("0", "1");
    await answer();
    transportOf(viewer)?.become("connected");
    viewer.session.end(LeaveReason.LEFT);
    publisher.session.end(LeaveReason.LEFT);
    await rooms.settle();
    expect(rooms.media.held).toBe(0);
    expect(rooms.tracks.size).toBe(0);
    expect(rooms.clock.pendingTimers).toBe(0);
  });
});
