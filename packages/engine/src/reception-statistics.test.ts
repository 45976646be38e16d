import { describe, expect, test } from "vitest";
import { ReceptionStatistics } from "./reception-statistics.ts";

describe("ReceptionStatistics", () => {
  test("counts loss over the stream and over an interval (RFC 3550 App. A.3)", () => {
    const statistics = new ReceptionStatistics(90_000);
    for (let seq = 0; seq < 100; seq++) if (seq % 4 !== 3) statistics.add(seq, seq * 3000, seq * 33_333);
    statistics.add(99, 99 * 3000, 99 * 33_333);
    expect(statistics.expectedPackets).toBe(100);
    expect(statistics.cumulativeLost).toBe(24);
    statistics.closeInterval();
    expect(statistics.fractionLost).toBe(Math.floor((24 * 256) / 100));
    for (let seq = 100; seq < 200; seq++) statistics.add(seq, seq * 3000, seq * 33_333);
    statistics.closeInterval();
    expect(statistics.fractionLost).toBe(0);
    expect(statistics.cumulativeLost).toBe(24);
  });

  test("late packets are no loss, and cannot make it negative in a report", () => {
    const statistics = new ReceptionStatistics(90_000);
    for (const seq of [10, 12, 11, 13]) statistics.add(seq, 0, 0);
    expect(statistics.cumulativeLost).toBe(0);
    statistics.closeInterval();
    expect(statistics.fractionLost).toBe(0);
  });

  test("jitter follows RFC 3550 App. A.8", () => {
    const statistics = new ReceptionStatistics(8_000);
    let expected = 0;
    let lastTransit = 0;
    for (let i = 0; i < 200; i++) {
      const arrivalUs = i * 20_000 + (i % 3) * 2_000;
      statistics.add(i, i * 160, arrivalUs);
      const transit = Math.trunc((arrivalUs / 1_000_000) * 8_000 - i * 160);
      if (i > 0) expected += (Math.abs(transit - lastTransit) - expected) / 16;
      lastTransit = transit;
    }
    expect(statistics.jitter).toBe(Math.trunc(expected));
    expect(statistics.jitter).toBeGreaterThan(5);
  });

  test("a jump of the sender's timestamps is no jitter; wrapping is none either", () => {
    const statistics = new ReceptionStatistics(90_000);
    for (let i = 0; i < 50; i++) statistics.add(i, (0xffff_0000 + i * 3000) | 0, i * 33_333);
    statistics.add(50, 1_000_000_000, 50 * 33_333);
    expect(statistics.jitter).toBeLessThan(10);
  });

  test("starts anew after a reset", () => {
    const statistics = new ReceptionStatistics(90_000);
    statistics.add(1, 0, 0);
    statistics.add(5, 0, 0);
    statistics.reset();
    statistics.add(70_000, 0, 0);
    expect(statistics.cumulativeLost).toBe(0);
    expect(statistics.expectedPackets).toBe(1);
  });
});
