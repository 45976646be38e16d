import { describe, expect, it } from "vitest";
import { planThreads, portOf } from "./thread-plan.ts";

const plan = (workers: string, senderThreads: string, cores: number, mediaPort = 7300) =>
  planThreads({ workers, senderThreads, mediaPort }, cores);

describe("the threads of an sfu", () => {
  it.each([
    ["1", "auto", 1, { workers: 1, senderThreads: 0 }],
    ["1", "auto", 2, { workers: 1, senderThreads: 1 }],
    ["1", "auto", 4, { workers: 1, senderThreads: 3 }],
    ["1", "auto", 64, { workers: 1, senderThreads: 4 }],
    ["auto", "auto", 1, { workers: 1, senderThreads: 0 }],
    ["auto", "auto", 2, { workers: 1, senderThreads: 1 }],
    ["auto", "auto", 7, { workers: 3, senderThreads: 1 }],
    ["auto", "0", 16, { workers: 8, senderThreads: 0 }],
    ["3", "auto", 2, { workers: 3, senderThreads: 0 }],
    ["2", "5", 2, { workers: 2, senderThreads: 5 }],
  ])("are, for workers %s and senderThreads %s on %s cores, as they should be", (workers, senders, cores, expected) => {
    expect(plan(workers, senders, cores)).toEqual(expected);
  });

  it("have ports that follow each other, or whatever is free", () => {
    expect([0, 1, 2].map((index) => portOf(7300, index))).toEqual([7300, 7301, 7302]);
    expect(portOf(0, 3)).toBe(0);
  });

  it("are refused where there are not enough ports", () => {
    expect(plan("2", "0", 4, 65_534).workers).toBe(2);
    expect(plan("64", "0", 4, 0).workers).toBe(64);
    expect(() => plan("2", "0", 4, 65_535)).toThrow(/CATION_SFU_MEDIA_PORT: 2 workers need the ports 65535 to 65536/);
  });
});
