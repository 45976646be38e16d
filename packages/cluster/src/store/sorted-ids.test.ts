import fc from "fast-check";
import { expect, test } from "vitest";
import { compareUtf8, SortedIds } from "./sorted-ids.ts";

const encoder = new TextEncoder();

test("order is that of the UTF-8 bytes", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (a, b) => {
      const expected = Buffer.compare(encoder.encode(a), encoder.encode(b));
      expect(Math.sign(compareUtf8(a, b))).toBe(expected);
    }),
  );
});

test("pages are what a sorted list gives", () => {
  fc.assert(
    fc.property(
      fc.array(fc.string()),
      fc.array(fc.string()),
      fc.string(),
      fc.nat(5),
      (added, removed, after, limit) => {
        const ids = new SortedIds();
        for (const id of added) ids.add(id);
        for (const id of removed) ids.delete(id);
        const left = [...new Set(added)].filter((id) => !removed.includes(id)).sort(compareUtf8);
        expect(ids.size).toBe(left.length);
        expect(ids.after(after, limit)).toEqual(left.filter((id) => compareUtf8(id, after) > 0).slice(0, limit));
      },
    ),
  );
});
