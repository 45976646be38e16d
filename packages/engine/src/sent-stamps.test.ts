import { describe, expect, test } from "vitest";
import { SentStamps } from "./sent-stamps.ts";

describe("SentStamps", () => {
  test("keeps what was written, by extended number, until a newer packet takes its place", () => {
    const stamps = new SentStamps(16);
    expect(stamps.find(0)).toBe(-1);
    stamps.put(0x1_0003, 0xff_fffe, 65_535, true);
    const entry = stamps.find(0x1_0003);
    expect(stamps.absSendTimeOf(entry)).toBe(0xff_fffe);
    expect(stamps.transportSequenceOf(entry)).toBe(65_535);
    expect(stamps.forcedMarkerOf(entry)).toBe(true);
    expect(stamps.find(3)).toBe(-1);
    stamps.put(0x1_0013, 1, 2, false);
    expect(stamps.find(0x1_0003)).toBe(-1);
    expect(stamps.forcedMarkerOf(stamps.find(0x1_0013))).toBe(false);
  });
});
