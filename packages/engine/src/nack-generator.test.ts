import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DEFAULT_ENGINE_CONFIG } from "./engine-config.ts";
import { NackGenerator } from "./nack-generator.ts";

const CONFIG = DEFAULT_ENGINE_CONFIG;

function collect(nack: NackGenerator, nowUs: number): number[] {
  const target = new Uint16Array(64);
  return [...target.subarray(0, nack.collect(nowUs, target))];
}

describe("NackGenerator", () => {
  test("waits for reordering: for later packets or for time", () => {
    const nack = new NackGenerator(CONFIG);
    nack.addGap(10, 10, 0);
    nack.advance(11, 0);
    expect(collect(nack, 0)).toEqual([]);
    nack.advance(12, 1_000);
    expect(collect(nack, 1_000)).toEqual([10]);
    nack.addGap(13, 14, 2_000);
    nack.advance(15, 2_000);
    expect(collect(nack, 2_000)).toEqual([13]);
    expect(collect(nack, 22_000)).toEqual([14]);
  });

  test("a packet that comes by itself is not asked for", () => {
    const nack = new NackGenerator(CONFIG);
    nack.addGap(10, 12, 0);
    nack.received(11, 5_000);
    expect(collect(nack, 30_000)).toEqual([10, 12]);
    nack.received(10, 31_000);
    nack.received(12, 31_000);
    expect(nack.missing).toBe(0);
    expect(nack.dueUs).toBe(Number.POSITIVE_INFINITY);
  });

  test("asks again after a round trip with backoff, ten times at most, and not after a second", () => {
    const nack = new NackGenerator(CONFIG);
    nack.addGap(7, 7, 0);
    const askedUs: number[] = [];
    for (let nowUs = 0; nowUs < 5_000_000; nowUs += 1_000) {
      if (collect(nack, nowUs).length > 0) askedUs.push(nowUs);
    }
    expect(askedUs.length).toBeGreaterThan(2);
    expect(askedUs.length).toBeLessThanOrEqual(CONFIG.nackRetries);
    expect(askedUs.at(-1)).toBeLessThan(CONFIG.nackMaxAgeUs + 1_000);
    for (let i = 2; i < askedUs.length; i++) {
      expect(askedUs[i] - askedUs[i - 1]).toBeGreaterThan(askedUs[i - 1] - askedUs[i - 2]);
    }
    expect(nack.missing).toBe(0);
    expect(nack.expired).toBe(1);
  });

  test("learns the round trip from answers", () => {
    const nack = new NackGenerator(CONFIG);
    for (let i = 0; i < 50; i++) {
      const startUs = i * 100_000;
      nack.addGap(10 * i, 10 * i, startUs);
      nack.advance(10 * i + 5, startUs);
      expect(collect(nack, startUs)).toEqual([10 * i]);
      nack.received(10 * i, startUs + 30_000);
    }
    expect(nack.rttUs).toBeGreaterThan(29_000);
    expect(nack.rttUs).toBeLessThan(32_000);
  });

  test("forgets everything when more is missing than can be remembered", () => {
    const nack = new NackGenerator(CONFIG);
    expect(nack.addGap(0, 100, 0)).toBe(true);
    expect(nack.addGap(200, 200 + CONFIG.nackCapacity, 0)).toBe(false);
    expect(nack.missing).toBe(0);
  });

  test("lists longer than the target are asked for in turns", () => {
    const nack = new NackGenerator(CONFIG);
    nack.addGap(0, 199, 0);
    const asked: number[] = [];
    for (let i = 0; i < 4; i++) asked.push(...collect(nack, 20_000));
    expect(asked).toEqual(Array.from({ length: 200 }, (_, i) => i));
  });

  test("agrees with a model: what is missing is asked for, nothing else", () => {
    const arrival = fc.record({ lost: fc.boolean(), lateBy: fc.integer({ min: 0, max: 8 }) });
    fc.assert(
      fc.property(fc.array(arrival, { minLength: 5, maxLength: 80 }), (packets) => {
        const nack = new NackGenerator(CONFIG);
        const order = packets
          .map(({ lost, lateBy }, extSeq) => ({ extSeq, lost: lost && extSeq > 0, at: extSeq + lateBy }))
          .filter(({ lost }) => !lost)
          .sort((a, b) => a.at - b.at);
        let highest = -1;
        const missing = new Set<number>();
        for (const { extSeq, at } of order) {
          const nowUs = at * 5_000;
          if (highest >= 0 && extSeq > highest + 1) nack.addGap(highest + 1, extSeq - 1, nowUs);
          for (let seq = highest + 1; highest >= 0 && seq < extSeq; seq++) missing.add(seq);
          if (extSeq < highest) nack.received(extSeq, nowUs);
          missing.delete(extSeq);
          highest = Math.max(highest, extSeq);
          nack.advance(highest, nowUs);
          for (const asked of collect(nack, nowUs)) expect(missing.has(asked)).toBe(true);
        }
        expect(nack.missing).toBeLessThanOrEqual(missing.size);
      }),
    );
  });
});
