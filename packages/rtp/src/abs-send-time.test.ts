import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { absSendTimeDeltaUs, absSendTimeFromUs, readAbsSendTime, writeAbsSendTime } from "./abs-send-time.ts";

/** 1970 … 2100. */
const unixUs = fc.integer({ min: 0, max: 4_102_444_800_000_000 });

describe("abs-send-time", () => {
  it("is 6.18 fixed point and wraps each 64 s", () => {
    expect(absSendTimeFromUs(1_000_000)).toBe(0x4_0000);
    expect(absSendTimeFromUs(64_000_000)).toBe(0);
    expect(absSendTimeFromUs(63_999_999.9)).toBe(0);
    expect(absSendTimeDeltaUs(absSendTimeFromUs(64_500_000), absSendTimeFromUs(63_500_000))).toBe(1_000_000);
  });

  it("keeps differences to a tick, written and read", () => {
    const target = new Uint8Array(5);
    fc.assert(
      fc.property(unixUs, fc.integer({ min: 0, max: 30_000_000 }), (us, byUs) => {
        writeAbsSendTime(target, 1, absSendTimeFromUs(us + byUs));
        const deltaUs = absSendTimeDeltaUs(readAbsSendTime(target, 1), absSendTimeFromUs(us));
        expect(Math.abs(deltaUs - byUs)).toBeLessThanOrEqual(3.9);
      }),
    );
    expect([target[0], target[4]]).toEqual([0, 0]);
  });
});
