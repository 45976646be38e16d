import { AllocationTier } from "@cation/engine/allocation/allocation-tier";
import { TrackPriority } from "@cation/proto/client/v1/client";
import { TrackSource } from "@cation/proto/common/v1/common";
import { Track } from "@cation/proto/state/v1/state";
import { describe, expect, it } from "vitest";
import { tierOf, wishedLayers } from "./track-wish.ts";

const NOTHING_SAID = {
  paused: false,
  maxSpatialId: undefined,
  maxTemporalId: undefined,
  width: undefined,
  height: undefined,
  maxFrameRate: undefined,
  priority: undefined,
};
const CAMERA = Track.fromPartial({
  source: TrackSource.CAMERA,
  encodings: [
    { rid: "q", width: 320, height: 180 },
    { rid: "h", width: 640, height: 360 },
    { rid: "f", width: 1280, height: 720 },
  ],
});

const LAYERED = Track.fromPartial({
  source: TrackSource.CAMERA,
  encodings: [{ rid: "", width: 1280, height: 720, spatialLayers: 3, temporalLayers: 3 }],
});

describe("a wish for a track with layers inside one encoding", () => {
  it.each([
    [{ width: 200, height: 112 }, 0],
    [{ width: 480, height: 270 }, 1],
    [{ width: 1280, height: 720 }, 2],
    [{}, undefined],
  ])("%j is covered by spatial layer %s", (size, maxSpatialId) => {
    expect(wishedLayers({ ...NOTHING_SAID, ...size }, LAYERED).maxSpatialId).toBe(maxSpatialId);
  });
});

describe("a wish", () => {
  it.each([
    [{ width: 200, height: 112 }, 0],
    [{ width: 360, height: 202 }, 0],
    [{ width: 480, height: 270 }, 1],
    // Cropped into a tall tile: both sides are to be covered.
    [{ width: 300, height: 400 }, 1],
    [{ width: 1000, height: 560 }, 2],
    [{ width: 4000, height: 2000 }, undefined],
    [{ maxSpatialId: 1, width: 4000, height: 2000 }, 1],
    [{ maxSpatialId: 2, width: 200, height: 112 }, 0],
    [{ width: 200, height: undefined }, undefined],
  ])("of %j is the encoding %s", (wish, maxSpatialId) => {
    expect(wishedLayers({ ...NOTHING_SAID, ...wish }, CAMERA).maxSpatialId).toBe(maxSpatialId);
  });

  it("for few frames leaves temporal layers out", () => {
    const temporal = (maxFrameRate: number | undefined, maxTemporalId?: number) =>
      wishedLayers({ ...NOTHING_SAID, maxFrameRate, maxTemporalId }, CAMERA).maxTemporalId;
    expect([temporal(undefined), temporal(30), temporal(15), temporal(5), temporal(15, 0)]).toEqual([
      undefined,
      undefined,
      1,
      0,
      0,
    ]);
  });

  it("for a size says nothing where the publisher named none", () => {
    const track = Track.fromPartial({ encodings: [{ rid: "q" }, { rid: "f" }] });
    expect(wishedLayers({ ...NOTHING_SAID, width: 100, height: 100 }, track).maxSpatialId).toBeUndefined();
  });

  it("ranks screens first, unless the person chose something else", () => {
    const screen = Track.fromPartial({ source: TrackSource.SCREEN });
    expect(tierOf(NOTHING_SAID, CAMERA)).toBe(AllocationTier.OTHER);
    expect(tierOf(NOTHING_SAID, screen)).toBe(AllocationTier.SCREEN_SHARE);
    expect(tierOf({ ...NOTHING_SAID, priority: TrackPriority.LOW }, screen)).toBe(AllocationTier.LOW);
    expect(tierOf({ ...NOTHING_SAID, priority: TrackPriority.PINNED }, CAMERA)).toBe(AllocationTier.PINNED);
  });
});
