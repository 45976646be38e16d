import { TrackSource } from "@cation/proto/common/v1/common";
import { expect, it } from "vitest";
import type { KnownTrack } from "./track-directory.ts";
import { VisibleTracks } from "./visible-tracks.ts";

function track(kind: "audio" | "video", name: string): KnownTrack {
  const source = kind === "audio" ? TrackSource.MICROPHONE : TrackSource.CAMERA;
  return { trackId: `${kind}-${name}`, participantId: name, identity: name, source, kind };
}

const everybody = ["a", "b", "c"].flatMap((name) => [track("audio", name), track("video", name)]);

it("wants every voice and as many pictures as there are tiles", () => {
  const wishes = new VisibleTracks(2).update(everybody);
  expect(wishes.map(({ trackId }) => trackId)).toEqual(["audio-a", "audio-b", "audio-c", "video-a", "video-b"]);
  expect(wishes.every(({ subscribed }) => subscribed)).toBe(true);
});

it("asks for the next picture when one is gone, and leaves the others where they are", () => {
  const visible = new VisibleTracks(2);
  visible.update(everybody);
  const left = everybody.filter(({ identity }) => identity !== "a");
  expect(visible.update(left)).toEqual([{ trackId: "video-c", subscribed: true }]);
  expect(visible.update(left)).toEqual([]);
  expect(visible.update(everybody)).toEqual([{ trackId: "audio-a", subscribed: true }]);
});

it("asks for everything again in a new session", () => {
  const visible = new VisibleTracks(1);
  const before = visible.update(everybody);
  visible.reset();
  expect(visible.update(everybody)).toEqual(before);
});
