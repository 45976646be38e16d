import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  ABS_CAPTURE_TIME_WITH_OFFSET_BYTES,
  readAbsCaptureTimeUs,
  readCaptureClockOffsetUs,
  writeAbsCaptureTime,
  writeCaptureClockOffset,
} from "./abs-capture-time.ts";

/** 1970 … 2100. */
const unixUs = fc.integer({ min: 0, max: 4_102_444_800_000_000 });

describe("abs-capture-time", () => {
  it("keeps each microsecond, offsets of both signs too", () => {
    const target = new Uint8Array(ABS_CAPTURE_TIME_WITH_OFFSET_BYTES);
    fc.assert(
      fc.property(unixUs, fc.integer({ min: -1e12, max: 1e12 }), (us, offsetUs) => {
        writeAbsCaptureTime(target, 0, us);
        writeCaptureClockOffset(target, 0, offsetUs);
        expect(readAbsCaptureTimeUs(target, 0)).toBe(us);
        expect(readCaptureClockOffsetUs(target, 0)).toBe(offsetUs);
      }),
    );
  });
});
