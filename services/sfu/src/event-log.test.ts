import { describe, expect, it } from "vitest";
import { EventLog } from "./event-log.ts";
import type { EventBody } from "./event-log.ts";

const count = (value: number): EventBody => ({ $case: "participantCount", value: { count: value } });

function filled(events: number, log = new EventLog()): EventLog {
  for (let i = 1; i <= events; i++) log.append(count(i), 0);
  return log;
}

describe("EventLog", () => {
  it("numbers from 1 without a gap", () => {
    const log = new EventLog();
    expect(log.lastSequence).toBe(0);
    expect([log.append(count(1), 0).sequence, log.append(count(2), 5).sequence]).toEqual([1, 2]);
    expect(log.lastSequence).toBe(2);
  });

  it("gives what came after a number, in order", () => {
    const log = filled(5);
    expect(log.after(3, 0)?.map((event) => event.sequence)).toEqual([4, 5]);
    expect(log.after(5, 0)).toEqual([]);
    expect(log.after(0, 0)).toHaveLength(5);
  });

  it("says when something is missing rather than leaving it out", () => {
    const log = new EventLog({ keepMs: 1_000, maxEvents: 100, maxBytes: 1e6 });
    log.append(count(1), 0);
    log.append(count(2), 900);
    expect(log.after(0, 1_500)).toBeUndefined();
    expect(log.after(1, 1_500)?.map((event) => event.sequence)).toEqual([2]);
    expect(log.after(2, 9_000)).toEqual([]);
  });

  it("knows nothing of numbers that it never gave", () => {
    expect(filled(2).after(3, 0)).toBeUndefined();
  });

  it("stays within its bounds", () => {
    const many = filled(500, new EventLog({ keepMs: 1e9, maxEvents: 10, maxBytes: 1e9 }));
    expect(many.size).toBe(10);
    expect(many.after(490, 0)).toHaveLength(10);
    expect(many.after(489, 0)).toBeUndefined();

    const large = new EventLog({ keepMs: 1e9, maxEvents: 1_000, maxBytes: 100_000 });
    const sdp = "x".repeat(10_000);
    for (let i = 1; i <= 50; i++) large.append({ $case: "subscriberOffer", value: { offerId: i, sdp, tracks: [] } }, 0);
    expect(large.size).toBeLessThan(6);
    expect(large.size).toBeGreaterThan(2);
  });
});
