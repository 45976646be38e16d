import { describe, expect, it } from "vitest";
import { ROUTER_CODECS, findRouterCodec, parseFmtp } from "./router-capabilities.ts";

const find = (mimeType: string, fmtp: string): string | undefined =>
  findRouterCodec(ROUTER_CODECS, mimeType, 90_000, 0, fmtp)?.mimeType;

describe("ROUTER_CODECS", () => {
  it.each([
    ["constrained baseline", "packetization-mode=1;profile-level-id=42e01f"],
    ["baseline", "packetization-mode=0;profile-level-id=42001f"],
    ["main", "packetization-mode=1;profile-level-id=4d001f"],
    ["high", "packetization-mode=1;profile-level-id=640c1f"],
    ["what is meant by nothing", ""],
    ["capitals and blanks", "PROFILE-LEVEL-ID=42E01F; packetization-mode=1"],
  ])("has H264 with %s", (_, fmtp) => {
    expect(find("video/h264", fmtp)).toBe("video/H264");
  });

  it.each([
    ["interleaved packets", "packetization-mode=2;profile-level-id=42e01f"],
    ["high 4:4:4", "packetization-mode=1;profile-level-id=f4001f"],
    ["a profile that is no number", "profile-level-id=42e0"],
  ])("has no H264 with %s", (_, fmtp) => {
    expect(find("video/H264", fmtp)).toBeUndefined();
  });

  it("has VP9 of 8 and 10 bits with 4:2:0, and AV1 main", () => {
    expect(find("video/VP9", "")).toBe("video/VP9");
    expect(find("video/VP9", "profile-id=2")).toBe("video/VP9");
    expect(find("video/VP9", "profile-id=1")).toBeUndefined();
    expect(find("video/AV1", "level-idx=5;profile=0;tier=0")).toBe("video/AV1");
    expect(find("video/AV1", "level-idx=5;profile=1;tier=0")).toBeUndefined();
  });

  it("compares clock rate and channels", () => {
    expect(findRouterCodec(ROUTER_CODECS, "audio/OPUS", 48_000, 2, "")?.mimeType).toBe("audio/opus");
    expect(findRouterCodec(ROUTER_CODECS, "audio/opus", 48_000, 1, "")).toBeUndefined();
    expect(findRouterCodec(ROUTER_CODECS, "video/VP8", 48_000, 0, "")).toBeUndefined();
  });
});

describe("parseFmtp", () => {
  it("reads names without values, blanks and repeats", () => {
    expect([...parseFmtp(" a=1; B = 2 ;c;;=3;a=4")]).toEqual([
      ["a", "4"],
      ["b", "2"],
      ["c", ""],
    ]);
  });
});
