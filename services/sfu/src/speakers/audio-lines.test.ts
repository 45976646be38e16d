import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AudioLines } from "./audio-lines.ts";

describe("audio lines", () => {
  it("are one for each track while there are enough", () => {
    const lines = new AudioLines(2);
    expect([lines.add("a"), lines.add("b"), lines.add("c")]).toEqual([true, true, false]);
    expect(lines.isShort).toBe(true);
    expect(lines.remove("a", ["b", "c"])).toEqual({ from: "a", to: "c" });
    expect(lines.remove("b", [])).toBeUndefined();
    expect(lines.isShort).toBe(false);
    expect(lines.follow(["c"], ["c"])).toEqual([]);
  });

  it("go over to who speaks, from who ranks lowest", () => {
    const lines = new AudioLines(2);
    for (const id of ["a", "b", "c", "d"]) lines.add(id);
    expect(lines.follow(["c"], ["c", "a", "b", "d"])).toEqual([{ from: "b", to: "c" }]);
    expect(lines.follow(["d", "c", "b"], ["d", "c", "b", "a"])).toEqual([{ from: "a", to: "d" }]);
    expect(lines.follow(["d", "c"], ["d", "c", "b", "a"])).toEqual([]);
    // Silence takes nobody's line away.
    expect(lines.follow([], ["a", "b", "c", "d"])).toEqual([]);
  });

  it("never carry more than there are, and always whom they should", () => {
    const ids = fc.integer({ min: 0, max: 11 }).map(String);
    const command = fc.oneof(
      fc.record({ kind: fc.constant("add" as const), id: ids }),
      fc.record({ kind: fc.constant("remove" as const), id: ids }),
      fc.record({ kind: fc.constant("speak" as const), order: fc.shuffledSubarray([...Array(12).keys()].map(String)) }),
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.array(command), (count, commands) => {
        const lines = new AudioLines(count);
        const wanted = new Set<string>();
        const carried = new Set<string>();
        const apply = (from: string, to: string): void => {
          expect(carried.delete(from)).toBe(true);
          expect(carried.has(to)).toBe(false);
          carried.add(to);
        };
        for (const one of commands) {
          if (one.kind === "add") {
            wanted.add(one.id);
            if (lines.add(one.id)) carried.add(one.id);
          } else if (one.kind === "remove") {
            wanted.delete(one.id);
            const change = lines.remove(one.id, []);
            if (change) apply(change.from, change.to);
            else carried.delete(one.id);
          } else {
            const rest = [...Array(12).keys()].map(String).filter((id) => !one.order.includes(id));
            for (const { from, to } of lines.follow(one.order, [...one.order, ...rest])) apply(from, to);
            const heard = one.order.filter((id) => wanted.has(id)).slice(0, count);
            for (const id of heard) expect(carried.has(id)).toBe(true);
          }
          expect(carried.size).toBe(Math.min(count, wanted.size));
          for (const id of carried) expect(wanted.has(id)).toBe(true);
        }
      }),
    );
  });
});
