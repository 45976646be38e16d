import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LinkModel, PERFECT_LINK } from "./link-model.ts";
import type { LinkConfig } from "./link-model.ts";
import { SeededRandom } from "./seeded-random.ts";

interface Arrival {
  readonly item: number;
  readonly atUs: number;
}

/** Sends `count` packets of 1,000 bytes at an interval; returns what arrives and when, exactly. */
function run(config: Partial<LinkConfig>, count: number, intervalUs: number, seed = 1) {
  const link = new LinkModel<number>({ ...PERFECT_LINK, ...config }, new SeededRandom(seed));
  const arrivals: Arrival[] = [];
  const drain = (untilUs: number): void => {
    while (link.nextUs <= untilUs) {
      const atUs = link.nextUs;
      for (let item = link.take(atUs); item !== undefined; item = link.take(atUs)) arrivals.push({ item, atUs });
    }
  };
  for (let i = 0; i < count; i++) {
    drain(i * intervalUs);
    link.offer(i, 1_000, i * intervalUs);
  }
  drain(1e12);
  return { link, arrivals };
}

describe("LinkModel", () => {
  test("delays, and nothing else, by default", () => {
    const { arrivals } = run({ delayUs: 5_000 }, 10, 100);
    expect(arrivals).toEqual(Array.from({ length: 10 }, (_, item) => ({ item, atUs: item * 100 + 5_000 })));
  });

  test("serializes at its rate, queues, and drops what the queue does not hold", () => {
    const { arrivals, link } = run({ delayUs: 0, rateBps: 8_000_000, queueBytes: 5_000 }, 100, 500);
    for (let i = 1; i < arrivals.length; i++) expect(arrivals[i].atUs - arrivals[i - 1].atUs).toBeCloseTo(1_000, 3);
    expect(link.counters.overflowed).toBeGreaterThan(40);
    expect(link.counters.overflowed + arrivals.length).toBe(100);
    expect(link.queuedBytes).toBe(0);
  });

  test("a change of rate reaches what waits already", () => {
    const link = new LinkModel<number>({ ...PERFECT_LINK, delayUs: 0, rateBps: 8_000 }, new SeededRandom(1));
    link.offer(1, 1_000, 0);
    link.offer(2, 1_000, 0);
    expect(link.nextUs).toBe(1_000_000);
    link.configure({ rateBps: 80_000 }, 500_000);
    expect(link.nextUs).toBe(550_000);
    expect(link.take(550_000)).toBe(1);
    expect(link.nextUs).toBe(650_000);
    link.configure({ rateBps: 0 }, 600_000);
    expect(link.take(600_000)).toBe(2);
  });

  test("random loss comes near its probability, bursts are longer than chance", () => {
    const random = run({ loss: 0.1 }, 20_000, 10).link;
    expect(random.counters.lost / 20_000).toBeGreaterThan(0.09);
    expect(random.counters.lost / 20_000).toBeLessThan(0.11);
    const burst = { toBad: 0.01, toGood: 0.1, lossInGood: 0, lossInBad: 1 };
    const { arrivals } = run({ burst }, 20_000, 10);
    const runs: number[] = [];
    for (let i = 1; i < arrivals.length; i++) {
      const lost = arrivals[i].item - arrivals[i - 1].item - 1;
      if (lost > 0) runs.push(lost);
    }
    expect(runs.reduce((sum, length) => sum + length, 0) / runs.length).toBeGreaterThan(7);
  });

  test("jitter alone keeps the order; reordering breaks it; duplicates arrive twice", () => {
    const jittered = run({ jitterUs: 20_000 }, 500, 1_000).arrivals.map(({ item }) => item);
    expect(jittered).toEqual([...jittered].sort((a, b) => a - b));
    const { arrivals, link } = run({ reorder: 0.2, reorderUs: 5_000 }, 500, 1_000);
    expect(arrivals.map(({ item }) => item)).not.toEqual(Array.from({ length: 500 }, (_, i) => i));
    expect(link.counters.reordered).toBeGreaterThan(50);
    expect(run({ duplicate: 0.5 }, 500, 1_000).arrivals.length).toBeGreaterThan(700);
  });

  test("the same seed gives the same run; every packet arrives, is lost or overflows", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffff_ffff }), (seed) => {
        const config = {
          loss: 0.05,
          jitterUs: 3_000,
          reorder: 0.1,
          reorderUs: 4_000,
          rateBps: 5e6,
          queueBytes: 20_000,
        };
        const { arrivals, link } = run(config, 200, 700, seed);
        expect(run(config, 200, 700, seed).arrivals).toEqual(arrivals);
        const { lost, overflowed, delivered } = link.counters;
        expect(lost + overflowed + delivered).toBe(200);
        expect(link.inFlight).toBe(0);
      }),
      { numRuns: 30 },
    );
  });

  test("a cut cable takes everything with it", () => {
    const link = new LinkModel<number>({ ...PERFECT_LINK, rateBps: 8_000 }, new SeededRandom(1));
    link.offer(1, 1_000, 0);
    link.offer(2, 1_000, 0);
    link.clear();
    expect(link.nextUs).toBe(Number.POSITIVE_INFINITY);
    expect(link.counters.lost).toBe(2);
  });
});
