import { describe, expect, test } from "vitest";
import type { CodecParameters } from "./codec-parameters.ts";
import { PayloadMap } from "./payload-map.ts";
import { opus, vp8 } from "./testing/codecs.ts";

function h264(payloadType: number, rtxPayloadType: number, fmtp: string): CodecParameters {
  return { ...vp8(payloadType, rtxPayloadType), mimeType: "video/H264", fmtp };
}

describe("PayloadMap", () => {
  test("maps by format, whatever the case and order", () => {
    const map = new PayloadMap([vp8(96, 97), opus(111)], [opus(63), { ...vp8(120, 121), mimeType: "VIDEO/vp8" }]);
    expect(map.outgoingOf(96)).toBe(120);
    expect(map.outgoingRtxOf(96)).toBe(121);
    expect(map.outgoingOf(111)).toBe(63);
    expect(map.outgoingRtxOf(111)).toBe(-1);
    expect(map.outgoingOf(97)).toBe(-1);
  });

  test("H264: packetization modes do not mix, the same profile is preferred", () => {
    const map = new PayloadMap(
      [
        h264(102, 0, "packetization-mode=1;profile-level-id=42e01f"),
        h264(104, 0, "packetization-mode=0;profile-level-id=42001f"),
        h264(106, 0, "profile-level-id=640032;packetization-mode=1"),
      ],
      [
        h264(40, 0, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=640c1f"),
        h264(41, 0, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42E01F"),
        h264(42, 0, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=640028"),
      ],
    );
    expect([102, 104, 106].map((type) => map.outgoingOf(type))).toEqual([41, -1, 42]);
  });

  test("VP9 profiles do not mix; no profile means 0", () => {
    const vp9 = (payloadType: number, fmtp: string) => ({ ...vp8(payloadType, 0), mimeType: "video/VP9", fmtp });
    const map = new PayloadMap([vp9(98, "profile-id=0"), vp9(100, "profile-id=2")], [vp9(50, "")]);
    expect([98, 100].map((type) => map.outgoingOf(type))).toEqual([50, -1]);
  });

  test("RED goes out with the receiver's own payload types inside, or unwrapped where the receiver has none", () => {
    const red = (payloadType: number, fmtp: string) => ({ ...opus(payloadType), mimeType: "audio/red", fmtp });
    const incoming = [red(63, "111/111"), opus(111)];
    const same = new PayloadMap(incoming, [red(64, "111/111"), opus(111)]);
    expect([same.outgoingOf(63), same.redBlockTypeOf(63), same.unwrapsRed(63)]).toEqual([64, -1, false]);
    const other = new PayloadMap(incoming, [red(97, "96/96"), opus(96)]);
    expect([other.outgoingOf(63), other.redBlockTypeOf(63), other.unwrapsRed(63)]).toEqual([97, 96, false]);
    const without = new PayloadMap(incoming, [opus(96)]);
    expect([without.outgoingOf(63), without.unwrapsRed(63), without.outgoingOf(111)]).toEqual([96, true, 96]);
    expect(without.equals(new PayloadMap(incoming, [opus(96)]))).toBe(true);
    expect(without.equals(other)).toBe(false);
    expect(new PayloadMap([red(63, "111/112")], [red(97, "96/96")]).outgoingOf(63)).toBe(-1);
  });
});
