import { expect, test } from "vitest";
import { setRepeatingTimer, sleep, systemClock, withTimeout } from "./clock.ts";
import { VirtualClock } from "./virtual-clock.ts";

test("timers fire in order of time, then of arming, at their time", () => {
  const clock = new VirtualClock(1000);
  const fired: string[] = [];
  const note = (name: string) => () => fired.push(`${name}@${clock.nowMs()}`);
  clock.setTimer(20, note("b"));
  clock.setTimer(10, note("a"));
  clock.setTimer(20, note("c"));
  clock.setTimer(15, note("never")).cancel();
  clock.setTimer(5, () => clock.setTimer(5, note("nested")));
  clock.advance(19);
  expect(fired).toEqual(["a@1010", "nested@1010"]);
  clock.advance(1);
  expect(fired.slice(2)).toEqual(["b@1020", "c@1020"]);
  expect([clock.monotonicMs(), clock.pendingTimers]).toEqual([20, 0]);
});

test("a repeating timer repeats until cancelled, also from within", () => {
  const clock = new VirtualClock();
  let count = 0;
  const timer = setRepeatingTimer(clock, 10, () => {
    if (++count === 3) timer.cancel();
  });
  clock.advance(100);
  expect([count, clock.pendingTimers]).toEqual([3, 0]);
});

test("sleep ends with its time or its signal", async () => {
  const clock = new VirtualClock();
  const slept = sleep(clock, 50);
  await clock.advanceAsync(50);
  await slept;
  const controller = new AbortController();
  const broken = sleep(clock, 50, controller.signal);
  controller.abort(new Error("enough"));
  await expect(broken).rejects.toThrow("enough");
  await expect(sleep(clock, 1, controller.signal)).rejects.toThrow("enough");
  expect(clock.pendingTimers).toBe(0);
});

test("withTimeout passes results on and gives up in time", async () => {
  const clock = new VirtualClock();
  const late = () => new Error("late");
  await expect(withTimeout(clock, 10, Promise.resolve(1), late)).resolves.toBe(1);
  await expect(withTimeout(clock, 10, Promise.reject(new Error("no")), late)).rejects.toThrow("no");
  const never = withTimeout(clock, 10, new Promise(() => {}), late);
  clock.advance(10);
  await expect(never).rejects.toThrow("late");
  expect(clock.pendingTimers).toBe(0);
});

test("the system clock tells the time and its timers can be taken back", async () => {
  expect(Math.abs(systemClock.nowMs() - Date.now())).toBeLessThan(1000);
  const never = systemClock.setTimer(0, () => expect.unreachable());
  never.cancel();
  await new Promise<void>((resolve) => systemClock.setTimer(0, resolve));
});
