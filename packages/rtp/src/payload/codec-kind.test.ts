import { describe, expect, it } from "vitest";
import { CodecKind, codecKindOf } from "./codec-kind.ts";
import { isKeyframeStart } from "./keyframe.ts";

describe("codecKindOf", () => {
  it("knows the codecs, whatever the case", () => {
    const names = ["video/VP8", "video/vp9", "VIDEO/H264", "video/AV1", "audio/opus", "audio/red", "video/rtx", "a/b"];
    expect(names.map(codecKindOf)).toEqual([
      ...[CodecKind.VP8, CodecKind.VP9, CodecKind.H264, CodecKind.AV1],
      ...[CodecKind.OPUS, CodecKind.RED, CodecKind.RTX, CodecKind.UNKNOWN],
    ]);
  });
});

describe("isKeyframeStart", () => {
  it("is true of each Opus packet, and of nothing unknown", () => {
    const bytes = Uint8Array.of(0x78, 1);
    expect(isKeyframeStart(CodecKind.OPUS, bytes, 0, 2)).toBe(true);
    for (const codec of [CodecKind.UNKNOWN, CodecKind.RTX, CodecKind.RED]) {
      expect(isKeyframeStart(codec, bytes, 0, 2)).toBe(false);
    }
  });

  it("refuses empty and absurd ranges for each codec", () => {
    for (const codec of [CodecKind.VP8, CodecKind.VP9, CodecKind.H264, CodecKind.AV1]) {
      expect(isKeyframeStart(codec, new Uint8Array(4), 0, 0)).toBe(false);
      expect(isKeyframeStart(codec, new Uint8Array(4), 2, 3)).toBe(false);
      expect(isKeyframeStart(codec, new Uint8Array(4), -1, 3)).toBe(false);
    }
  });
});
