import { Grants, TrackSource } from "@cation/proto/common/v1/common";
import type { PublishedTrack, PublisherAnswer } from "@cation/proto/client/v1/client";
import { Track } from "@cation/proto/state/v1/state";
import { beforeEach, describe, expect, it } from "vitest";
import { TestRooms, ROOM_ID, TestStream } from "./testing/test-room.ts";
import type { TestClient } from "./testing/test-room.ts";
import { testOffer } from "./testing/test-sdp.ts";

let rooms: TestRooms;
let client: TestClient;
beforeEach(async () => {
  rooms = new TestRooms();
  client = await rooms.join();
});

const AUDIO: PublishedTrack = {
  mid: "0",
  source: TrackSource.MICROPHONE,
  name: "mic",
  muted: false,
  encodings: [],
  trackId: "",
};
const VIDEO: PublishedTrack = {
  mid: "1",
  source: TrackSource.CAMERA,
  name: "cam",
  muted: false,
  encodings: [],
  trackId: "",
};
const BOTH = testOffer([
  { mid: "0", kind: "audio", ssrc: 1 },
  { mid: "1", kind: "video", ssrc: 2 },
]);

async function offer(sdp: string, tracks: PublishedTrack[], from = client): Promise<PublisherAnswer> {
  const result = await from.ask({ $case: "publisherOffer", value: { sdp, tracks } });
  if (result.$case !== "publisherAnswer") throw new Error(JSON.stringify(result));
  return result.value;
}

async function refusal(sdp: string, tracks: PublishedTrack[], from = client): Promise<string> {
  const result = await from.ask({ $case: "publisherOffer", value: { sdp, tracks } });
  return result.$case === "error" ? result.value.code : result.$case;
}

const stored = (): Track[] => rooms.islb.snapshot(ROOM_ID).tracks;

describe("a publisher connection", () => {
  it("takes tracks in, tells islb, and answers with their ids", async () => {
    const answer = await offer(BOTH, [AUDIO, VIDEO]);
    expect(answer.sdp).toContain("a=setup:passive");
    expect(answer.sdp.match(/a=recvonly/g)).toHaveLength(2);
    expect(answer.tracks.map(({ mid }) => mid)).toEqual(["0", "1"]);
    expect(stored()).toMatchObject([
      { trackId: answer.tracks[0].trackId, source: TrackSource.MICROPHONE, name: "mic", nodeId: "here" },
      { trackId: answer.tracks[1].trackId, source: TrackSource.CAMERA, codecs: [{ mimeType: "video/VP8" }] },
    ]);
    expect([...rooms.media.producers].map(({ params }) => [params.mid, params.origin])).toEqual([
      ["0", "local"],
      ["1", "local"],
    ]);
    expect(client.stream.find("trackPublished")).toEqual([]);
  });

  it("tells its participant what others want of its tracks, and again where events were lost", async () => {
    const answer = await offer(BOTH, [AUDIO, VIDEO]);
    const { trackId } = answer.tracks[1];
    const [, producer] = rooms.media.producers;
    const want = (maxSpatialId: number) => {
      producer.demand = { maxSpatialId, maxTemporalId: maxSpatialId };
      producer.onDemand?.(producer.demand);
      return client.stream.find("trackDemands").at(-1)?.tracks;
    };
    expect(want(-1)).toEqual([{ trackId, wanted: false, maxSpatialId: 0, maxTemporalId: 0 }]);
    expect(want(1)).toEqual([{ trackId, wanted: true, maxSpatialId: 1, maxTemporalId: 1 }]);
    const again = new TestStream();
    client.session.resume(again, 999);
    expect(again.find("trackDemands")[0].tracks).toContainEqual({
      trackId,
      wanted: true,
      maxSpatialId: 1,
      maxTemporalId: 1,
    });
  });

  it("takes simulcast encodings in the order of the description, lowest first", async () => {
    const encodings = ["q", "h", "f"].map((rid, i) => ({
      rid,
      width: 320 << i,
      height: 180 << i,
      maxBitrateBps: 1,
      spatialLayers: 0,
      temporalLayers: 0,
    }));
    const sdp = testOffer([{ mid: "1", kind: "video", rids: ["f", "h", "q"] }]);
    await offer(sdp, [{ ...VIDEO, encodings }]);
    const [producer] = rooms.media.producers;
    expect(producer.params.encodings.map(({ rid }) => rid)).toEqual(["q", "h", "f"]);
    expect(stored()[0].encodings).toEqual(encodings);
  });

  it("leaves alone what a new offer repeats", async () => {
    const first = await offer(testOffer([{ mid: "0", kind: "audio", ssrc: 1 }]), [AUDIO]);
    const second = await offer(BOTH, [AUDIO, VIDEO]);
    expect(second.tracks[0]).toEqual(first.tracks[0]);
    expect(rooms.media.producers.size).toBe(2);
    expect(rooms.media.transports.size).toBe(1);
    const changedSsrc = BOTH.replace("a=ssrc:2 ", "a=ssrc:3 ");
    const third = await offer(changedSsrc, [AUDIO, VIDEO]);
    expect(third.tracks).toEqual(second.tracks);
    expect([...rooms.media.producers][1].params.encodings[0].ssrc).toBe(3);
  });

  it("makes another track of an m-line that carries another source", async () => {
    const before = await offer(BOTH, [AUDIO, VIDEO]);
    const after = await offer(BOTH, [AUDIO, { ...VIDEO, source: TrackSource.SCREEN }]);
    expect(after.tracks[0]).toEqual(before.tracks[0]);
    expect(after.tracks[1].trackId).not.toBe(before.tracks[1].trackId);
    expect(stored().map(({ source }) => source)).toEqual([TrackSource.MICROPHONE, TrackSource.SCREEN]);
    expect(rooms.media.producers.size).toBe(2);
  });

  it("takes a track back when its m-line becomes inactive, or on demand", async () => {
    const { tracks } = await offer(BOTH, [AUDIO, VIDEO]);
    const audioOnly = testOffer([
      { mid: "0", kind: "audio", ssrc: 1 },
      { mid: "1", kind: "video", direction: "inactive" },
    ]);
    const answer = await offer(audioOnly, [AUDIO]);
    expect(answer.tracks).toEqual([tracks[0]]);
    expect(stored().map(({ trackId }) => trackId)).toEqual([tracks[0].trackId]);
    await client.ask({ $case: "unpublish", value: { trackId: tracks[0].trackId } });
    expect(stored()).toEqual([]);
    expect(rooms.media.producers.size).toBe(0);
    expect(rooms.tracks.size).toBe(0);
  });

  it.each([
    ["garbage", "v=0\r\nnonsense", [AUDIO], "SDP_INVALID"],
    ["nothing", "", [AUDIO], "SDP_INVALID"],
    ["an oversized one", "v=0\r\n" + "a=x:y\r\n".repeat(60_000), [AUDIO], "MESSAGE_TOO_LARGE"],
    ["one without ICE", BOTH.replaceAll(/a=ice-.*\r\n/g, ""), [AUDIO, VIDEO], "SDP_NO_ICE"],
    ["one without a certificate", BOTH.replaceAll(/a=fingerprint.*\r\n/g, ""), [AUDIO, VIDEO], "SDP_NO_FINGERPRINT"],
    ["an m-line that nothing describes", BOTH, [AUDIO], "MESSAGE_MALFORMED"],
    ["a microphone on a video line", BOTH, [AUDIO, { ...AUDIO, mid: "1" }], "MESSAGE_MALFORMED"],
    ["no source", BOTH, [AUDIO, { ...VIDEO, source: 0 }], "MESSAGE_MALFORMED"],
    ["a name like a novel", BOTH, [{ ...AUDIO, name: "x".repeat(129) }, VIDEO], "MESSAGE_MALFORMED"],
  ] as [string, string, PublishedTrack[], string][])(
    "refuses %s and holds nothing",
    async (_name, sdp, tracks, code) => {
      expect(await refusal(sdp, tracks)).toBe(code);
      expect(rooms.media.held).toBe(0);
      expect(stored()).toEqual([]);
      expect((await offer(BOTH, [AUDIO, VIDEO])).tracks).toHaveLength(2);
    },
  );

  it("refuses what the token does not grant, as a whole", async () => {
    const guest = await rooms.join({ grants: Grants.fromPartial({ publish: [TrackSource.MICROPHONE] }) });
    expect(await refusal(BOTH, [AUDIO, VIDEO], guest)).toBe("PERMISSION_DENIED");
    expect(stored()).toEqual([]);
    expect(rooms.media.held).toBe(0);
    const audio = testOffer([{ mid: "0", kind: "audio", ssrc: 1 }]);
    expect((await offer(audio, [AUDIO], guest)).tracks).toHaveLength(1);
  });

  it("publishes nothing when islb cannot be told, and keeps what there was", async () => {
    const { tracks } = await offer(testOffer([{ mid: "0", kind: "audio", ssrc: 1 }]), [AUDIO]);
    rooms.islb.away = true;
    expect(await refusal(BOTH, [AUDIO, VIDEO])).toBe("ISLB_UNAVAILABLE");
    rooms.islb.away = false;
    expect([...rooms.media.producers].map(({ params }) => params.trackId)).toEqual([tracks[0].trackId]);
    expect((await offer(BOTH, [AUDIO, VIDEO])).tracks[0]).toEqual(tracks[0]);
  });

  it("restarts ICE for new credentials, and begins anew for a new certificate", async () => {
    const line = [{ mid: "0", kind: "audio", ssrc: 1 }] as const;
    const first = await offer(testOffer(line), [AUDIO]);
    const restarted = await offer(testOffer(line, { ufrag: "other" }), [AUDIO]);
    expect(restarted.sdp).toContain("a=ice-ufrag:ufrag1");
    expect(restarted.tracks).toEqual(first.tracks);
    const transport = rooms.media.newest;
    const anew = await offer(testOffer(line, { ufrag: "third", certificate: "CC" }), [AUDIO]);
    expect(transport.closed).toBe(true);
    expect(rooms.media.transports.size).toBe(1);
    expect(anew.tracks[0].trackId).not.toBe(first.tracks[0].trackId);
    expect(stored().map(({ trackId }) => trackId)).toEqual([anew.tracks[0].trackId]);
  });

  it("takes everything back when the client closes its peer connection", async () => {
    await offer(BOTH, [AUDIO, VIDEO]);
    rooms.media.newest.become("closed");
    await rooms.settle();
    expect(stored()).toEqual([]);
    expect(rooms.media.held).toBe(0);
    expect((await offer(BOTH, [AUDIO, VIDEO])).tracks).toHaveLength(2);
  });

  it("enforces a mute of somebody else, not one of the owner", async () => {
    const { tracks } = await offer(BOTH, [AUDIO, VIDEO]);
    const [audio] = rooms.media.producers;
    const { trackId } = tracks[0];
    const mute = (from: TestClient, muted: boolean) => from.ask({ $case: "setMuted", value: { trackId, muted } });
    await mute(client, true);
    expect(stored()[0].muted).toBe(true);
    expect(audio.muted).toBe(false);
    await mute(client, false);
    const admin = await rooms.join();
    await mute(admin, true);
    expect(audio.muted).toBe(true);
    expect(client.stream.find("trackMuted").at(-1)).toMatchObject({ trackId, muted: true });
    await mute(client, false);
    expect(audio.muted).toBe(false);
  });

  it("publishes again what islb lost, and takes back what it should not have", async () => {
    const { tracks } = await offer(BOTH, [AUDIO, VIDEO]);
    const room = rooms.islb.rooms.get(ROOM_ID);
    if (!room) throw new Error("no room");
    const { participantId } = client.participant;
    room.tracks.delete(tracks[0].trackId);
    room.tracks.set("ghost", Track.fromPartial({ trackId: "ghost", participantId, nodeId: "here" }));
    room.version += 2;
    rooms.registry.get(ROOM_ID)?.requestRead();
    await rooms.clock.advanceAsync(500);
    expect(
      stored()
        .map(({ trackId }) => trackId)
        .sort(),
    ).toEqual(tracks.map(({ trackId }) => trackId).sort());
  });
});
