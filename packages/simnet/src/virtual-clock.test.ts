import fc from "fast-check";
import { expect, test } from "vitest";
import { SeededRandom } from "./seeded-random.ts";
import { TimeQueue } from "./time-queue.ts";
import { VirtualClock } from "./virtual-clock.ts";

test("a time queue is a stable sort", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 20 })), (timesUs) => {
      const queue = new TimeQueue<number>();
      for (const [i, timeUs] of timesUs.entries()) queue.push(timeUs, i);
      const expected = timesUs.map((timeUs, i) => ({ timeUs, i })).sort((a, b) => a.timeUs - b.timeUs || a.i - b.i);
      for (const { timeUs, i } of expected) {
        expect(queue.nextUs).toBe(timeUs);
        expect(queue.pop()).toBe(i);
      }
      expect(queue.pop()).toBeUndefined();
    }),
  );
});

test("actions run in time order and may schedule others", () => {
  const clock = new VirtualClock(0);
  const seen: string[] = [];
  clock.at(300, () => seen.push(`c${clock.nowUs}`));
  clock.at(100, () => {
    seen.push(`a${clock.nowUs}`);
    clock.after(50, () => seen.push(`b${clock.nowUs}`));
    clock.at(10, () => seen.push(`late${clock.nowUs}`));
  });
  clock.runUntil(250);
  expect(seen).toEqual(["a100", "late100", "b150"]);
  expect(clock.nowUs).toBe(250);
  clock.runFor(100);
  expect(seen.at(-1)).toBe("c300");
});

test("seeded randomness repeats, forks apart, and is even enough", () => {
  const a = new SeededRandom(42);
  const b = new SeededRandom(42);
  const counts = new Array<number>(16).fill(0);
  for (let i = 0; i < 16_000; i++) {
    const value = a.nextUint32();
    expect(b.nextUint32()).toBe(value);
    counts[value >>> 28]++;
  }
  for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150);
  expect(a.fork().nextUint32()).not.toBe(a.fork().nextUint32());
  expect(new SeededRandom(1).nextBelow(1)).toBe(0);
});
