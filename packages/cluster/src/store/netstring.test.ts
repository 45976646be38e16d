import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeNetstrings, encodeNetstring } from "./netstring.ts";

test("fields and message come back", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "grapheme" })), fc.uint8Array(), (fields, message) => {
      const record = Buffer.concat([...fields.map(encodeNetstring), message]);
      const decoded = decodeNetstrings(record, fields.length);
      expect(decoded?.fields).toEqual(fields);
      expect([...(decoded?.message ?? [])]).toEqual([...message]);
    }),
  );
});

test("garbage is no record, and never throws", () => {
  for (const text of ["", "x", "3", "3:ab", "-1:a", "1e1:a", "9999999999:a", ":a"]) {
    expect(decodeNetstrings(Buffer.from(text), 1)).toBeUndefined();
  }
  fc.assert(fc.property(fc.uint8Array(), (bytes) => void decodeNetstrings(Buffer.from(bytes), 3)));
});
