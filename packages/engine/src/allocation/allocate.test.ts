import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AllocationItem, NOTHING } from "./allocation-item.ts";
import { AllocationReason } from "./allocation-reason.ts";
import { AllocationTier } from "./allocation-tier.ts";
import type { LayerStep } from "./layer-step.ts";
import { SubscriberAllocator } from "./subscriber-allocator.ts";

const SIMULCAST: readonly LayerStep[] = [
  { spatialId: 0, temporalId: 3, bitrateBps: 150_000, height: 180 },
  { spatialId: 1, temporalId: 3, bitrateBps: 500_000, height: 360 },
  { spatialId: 2, temporalId: 3, bitrateBps: 1_700_000, height: 720 },
];
const SCREEN: readonly LayerStep[] = [{ spatialId: 0, temporalId: 3, bitrateBps: 800_000, height: 1080 }];

function itemsOf(...tiers: AllocationTier[]): AllocationItem[] {
  return tiers.map((tier, order) => {
    const item = new AllocationItem(order);
    item.tier = tier;
    item.steps = tier === AllocationTier.SCREEN_SHARE ? SCREEN : SIMULCAST;
    return item;
  });
}

function allocatorOf(items: readonly AllocationItem[], changes: AllocationItem[] = []): SubscriberAllocator {
  const allocator = new SubscriberAllocator((item) => changes.push(item));
  for (const item of items) allocator.add(item, 0);
  return allocator;
}

describe("an allocation", () => {
  test("without an estimate is everything that is wished", () => {
    const items = itemsOf(AllocationTier.OTHER, AllocationTier.PINNED, AllocationTier.SCREEN_SHARE);
    const allocator = allocatorOf(items);
    allocator.run(32_000, 0);
    expect(items.map(({ spatialId }) => spatialId)).toEqual([2, 2, 0]);
    expect(items.map(({ reason }) => reason)).toEqual([0, 0, 0]);
    expect(allocator.demandBps).toBe(allocator.allocatedBps);
    expect(allocator.dueUs).toBe(Number.POSITIVE_INFINITY);
  });

  test("serves screen, pinned, speaker and the rest in that order, the lowest layers first", () => {
    const items = itemsOf(
      AllocationTier.OTHER,
      AllocationTier.SPEAKER,
      AllocationTier.PINNED,
      AllocationTier.SCREEN_SHARE,
    );
    const allocator = allocatorOf(items);
    const at = (targetBps: number): number[] => {
      const fresh = itemsOf(...items.map(({ tier }) => tier));
      const one = allocatorOf(fresh);
      one.setTarget(targetBps, 0);
      one.run(0, 0);
      return fresh.map(({ spatialId }) => spatialId);
    };
    expect(allocator.items).toHaveLength(4);
    expect(at(100_000)).toEqual([NOTHING, NOTHING, NOTHING, NOTHING]);
    // The screen does not fit, what comes after it does; a picture in the foreground gets its 360 lines first.
    expect(at(700_000)).toEqual([NOTHING, 0, 1, NOTHING]);
    expect(at(1_000_000)).toEqual([NOTHING, NOTHING, 0, 0]);
    expect(at(1_700_000)).toEqual([0, 0, 1, 0]);
    expect(at(3_000_000)).toEqual([0, 0, 2, 0]);
    expect(at(3_400_000)).toEqual([0, 1, 2, 0]);
    expect(at(9_000_000)).toEqual([2, 2, 2, 0]);
  });

  test("says why, and only what is news", () => {
    const items = itemsOf(AllocationTier.OTHER, AllocationTier.OTHER);
    const changes: AllocationItem[] = [];
    const allocator = allocatorOf(items, changes);
    allocator.setTarget(200_000, 0);
    allocator.run(0, 0);
    expect(items.map(({ reason }) => reason)).toEqual([AllocationReason.BANDWIDTH, AllocationReason.BANDWIDTH]);
    expect(items.map(({ spatialId }) => spatialId)).toEqual([0, NOTHING]);
    expect(changes.splice(0)).toEqual(items);
    items[1].wanted = false;
    allocator.run(0, 200_000);
    expect(changes.splice(0)).toEqual([items[1]]);
    expect(items[1].reason).toBe(AllocationReason.PAUSED);
    allocator.run(0, 400_000);
    expect(changes).toEqual([]);
  });

  test("gives the place of one who spoke long ago to one who speaks", () => {
    const items = itemsOf(AllocationTier.SPEAKER, AllocationTier.SPEAKER, AllocationTier.OTHER);
    items[0].spokeAtUs = 1;
    const allocator = allocatorOf(items);
    allocator.setTarget(200_000, 0);
    allocator.run(0, 0);
    expect(items.map(({ spatialId }) => spatialId)).toEqual([0, NOTHING, NOTHING]);
    items[1].spokeAtUs = 2;
    allocator.run(0, 200_000);
    expect(items.map(({ spatialId }) => spatialId)).toEqual([NOTHING, 0, NOTHING]);
  });

  test("bears a short overshoot, lowers on a long one, and does not raise again at once", () => {
    const [item] = itemsOf(AllocationTier.OTHER);
    const allocator = allocatorOf([item]);
    allocator.setTarget(2_000_000, 0);
    allocator.run(0, 0);
    expect(item.spatialId).toBe(2);
    allocator.setTarget(1_600_000, 200_000);
    allocator.run(0, 200_000);
    allocator.run(0, 400_000);
    expect(item.spatialId).toBe(2);
    allocator.run(0, 900_000);
    expect(item.spatialId).toBe(1);
    allocator.setTarget(3_000_000, 1_000_000);
    allocator.run(0, 1_200_000);
    expect(item.spatialId).toBe(1);
    // It had been raised shortly before: twice the ordinary wait.
    for (let nowUs = 1_400_000; nowUs <= 4_800_000; nowUs += 200_000) allocator.run(0, nowUs);
    expect(item.spatialId).toBe(1);
    allocator.run(0, 5_000_000);
    expect(item.spatialId).toBe(2);
  });

  test("falls at once where the target falls far", () => {
    const [item] = itemsOf(AllocationTier.OTHER);
    const allocator = allocatorOf([item]);
    allocator.setTarget(3_000_000, 0);
    allocator.run(0, 0);
    allocator.setTarget(300_000, 50_000);
    expect(allocator.dueUs).toBe(50_000);
    allocator.run(0, 50_000);
    expect(item.spatialId).toBe(0);
  });
});

const stepsArbitrary = fc
  .array(fc.integer({ min: 20_000, max: 2_000_000 }), { maxLength: 6 })
  .map((rates) =>
    rates.sort((a, b) => a - b).map((bitrateBps, i) => ({ spatialId: i, temporalId: 3, bitrateBps, height: 0 })),
  );
const itemArbitrary = fc.record({
  tier: fc.constantFrom(...Object.values(AllocationTier)),
  wanted: fc.boolean(),
  steps: stepsArbitrary,
});

describe("any allocation", () => {
  test("fits, wastes nothing that anybody could use, and never puts the unimportant first", () => {
    fc.assert(
      fc.property(fc.array(itemArbitrary, { maxLength: 30 }), fc.integer({ max: 20_000_000 }), (drafts, targetBps) => {
        const items = drafts.map((draft, order) => Object.assign(new AllocationItem(order), draft));
        const allocator = allocatorOf(items);
        allocator.setTarget(targetBps, 0);
        allocator.run(0, 0);
        let usedBps = 0;
        for (const { granted, steps, wanted } of items) {
          expect(granted).toBeLessThan(Math.max(steps.length, 0));
          if (!wanted) expect(granted).toBe(NOTHING);
          if (granted !== NOTHING) usedBps += steps[granted].bitrateBps;
        }
        expect(usedBps).toBeLessThanOrEqual(Math.max(0, targetBps));
        expect(allocator.allocatedBps).toBe(usedBps);
        const leftBps = targetBps - usedBps;
        for (const { granted, steps, wanted } of items) {
          if (!wanted || granted === steps.length - 1) continue;
          const held = granted === NOTHING ? 0 : steps[granted].bitrateBps;
          expect(steps[granted + 1].bitrateBps * 1.1 - held).toBeGreaterThan(leftBps);
        }
      }),
    );
  });

  test("over a target that wanders settles: each track is switched a bounded number of times", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -150, max: 150 }), { minLength: 300, maxLength: 300 }),
        fc.integer({ min: 300_000, max: 6_000_000 }),
        (noise, targetBps) => {
          const items = itemsOf(...Array.from({ length: 50 }, () => AllocationTier.OTHER));
          let switches = 0;
          const allocator = new SubscriberAllocator(() => switches++);
          for (const item of items) allocator.add(item, 0);
          for (const [i, permille] of noise.entries()) {
            const nowUs = i * 200_000;
            allocator.setTarget(targetBps * (1 + permille / 1000), nowUs);
            allocator.run(0, nowUs);
          }
          // One minute, of which the first decision counts for each.
          expect((switches - items.length) / items.length).toBeLessThan(6);
        },
      ),
      { numRuns: 20 },
    );
  });
});
