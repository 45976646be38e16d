import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { describeEncodings, videoEncodings } from "./encodings.ts";

describe("videoEncodings", () => {
  it.each([
    [1280, 720, ["q", "h", "f"]],
    [640, 360, ["q", "h"]],
    [360, 640, ["q", "h"]],
    [320, 180, [undefined]],
    [0, 0, [undefined]],
  ])("gives a camera of %d×%d the encodings %j", (width, height, rids) => {
    expect(videoEncodings("camera", { width, height }, true).map(({ rid }) => rid)).toEqual(rids);
  });

  it("sends a screen as it is, and a camera once where simulcast is not wanted", () => {
    expect(videoEncodings("screen", { width: 1920, height: 1080 }, true)).toMatchObject([{ maxFramerate: 15 }]);
    expect(videoEncodings("camera", { width: 1280, height: 720 }, false)).toEqual([{ maxBitrate: 1_700_000 }]);
  });

  it("the last encoding is the whole picture, each smaller one half of the next and cheaper", () => {
    fc.assert(
      fc.property(fc.integer({ min: 16, max: 4096 }), fc.integer({ min: 16, max: 4096 }), (width, height) => {
        const encodings = videoEncodings("camera", { width, height }, true);
        expect(encodings.at(-1)?.scaleResolutionDownBy ?? 1).toBe(1);
        for (const [index, { scaleResolutionDownBy = 1, maxBitrate = 0 }] of encodings.entries()) {
          expect(scaleResolutionDownBy).toBe(2 ** (encodings.length - 1 - index));
          expect(maxBitrate).toBeLessThanOrEqual(encodings[index + 1]?.maxBitrate ?? Number.POSITIVE_INFINITY);
        }
      }),
    );
  });
});

describe("layers inside one stream", () => {
  const size = { width: 1280, height: 720 };

  it.each([
    ["video/VP9", 1280, 720, "L3T3_KEY"],
    ["video/VP9", 640, 360, "L2T3_KEY"],
    ["video/AV1", 1280, 720, "L2T2_KEY"],
    ["video/AV1", 320, 180, undefined],
    ["video/H264", 320, 180, undefined],
  ])("%s of %d×%d is sent as %s, once", (mimeType, width, height, scalabilityMode) => {
    const encodings = videoEncodings("camera", { width, height }, true, mimeType);
    expect(encodings.map((encoding) => [encoding.rid, encoding.scalabilityMode])).toEqual([
      [undefined, scalabilityMode],
    ]);
  });

  it("are described to the server", () => {
    expect(describeEncodings(videoEncodings("camera", size, true, "video/VP9"), size)).toEqual([
      { rid: "", width: 1280, height: 720, maxBitrateBps: 1_700_000, spatialLayers: 3, temporalLayers: 3 },
    ]);
  });

  it("are not used where simulcast is not wanted, or for a screen", () => {
    expect(videoEncodings("camera", size, false, "video/VP9")).toEqual([{ maxBitrate: 1_700_000 }]);
    expect(videoEncodings("screen", size, true, "video/AV1")).toMatchObject([{ maxFramerate: 15 }]);
  });
});

it("describeEncodings tells the server each size and bound, and nothing without simulcast", () => {
  const size = { width: 640, height: 360 };
  expect(describeEncodings(videoEncodings("camera", size, true), size)).toEqual([
    { rid: "q", width: 320, height: 180, maxBitrateBps: 160_000, spatialLayers: 0, temporalLayers: 0 },
    { rid: "h", width: 640, height: 360, maxBitrateBps: 500_000, spatialLayers: 0, temporalLayers: 0 },
  ]);
  expect(describeEncodings(videoEncodings("camera", size, false), size)).toEqual([]);
});
