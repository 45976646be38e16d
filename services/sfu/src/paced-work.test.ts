import { VirtualClock } from "@cation/service-kit/virtual-clock";
import { describe, expect, it } from "vitest";
import { PacedWork } from "./paced-work.ts";

/** A clock on which work takes time. */
class BusyClock extends VirtualClock {
  busyMs = 0;

  override monotonicMs(): number {
    return super.monotonicMs() + this.busyMs;
  }
}

describe("PacedWork", () => {
  it("does everything in order, in short turns", () => {
    const clock = new BusyClock();
    const work = new PacedWork(clock);
    const done: number[] = [];
    for (let i = 0; i < 10; i++) {
      work.add(() => {
        done.push(i);
        clock.busyMs += 1;
      });
    }
    clock.advance(0);
    expect(done).toEqual([0, 1, 2]);
    expect(work.waiting).toBe(7);
    clock.advance(2);
    expect(done).toHaveLength(6);
    clock.advance(100);
    expect(done).toEqual([...Array(10).keys()]);
    expect(clock.pendingTimers).toBe(0);
  });

  it("takes jobs that jobs add", () => {
    const clock = new VirtualClock();
    const work = new PacedWork(clock);
    const done: string[] = [];
    work.add(() => {
      done.push("first");
      work.add(() => done.push("second"));
    });
    clock.advance(10);
    expect(done).toEqual(["first", "second"]);
  });
});
