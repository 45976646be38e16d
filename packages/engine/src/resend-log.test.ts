import { describe, expect, test } from "vitest";
import { ResendLog } from "./resend-log.ts";

describe("ResendLog", () => {
  test("counts resends of a number, and says when the last was", () => {
    const log = new ResendLog();
    expect(log.resendsOf(0)).toBe(0);
    log.note(5, 1000);
    log.note(5, 1030);
    expect(log.resendsOf(5)).toBe(2);
    expect(log.sinceResentMs(5, 1042)).toBe(12);
    expect(log.resendsOf(6)).toBe(0);
  });

  test("a number of the next cycle is another; one that takes a place forgets the older", () => {
    const log = new ResendLog();
    log.note(5, 1000);
    expect(log.resendsOf(5 + 0x1_0000)).toBe(0);
    log.note(5 + 128, 2000);
    expect(log.resendsOf(5)).toBe(0);
    expect(log.resendsOf(5 + 128)).toBe(1);
  });
});
