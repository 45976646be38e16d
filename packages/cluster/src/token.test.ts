import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeToken, encodeToken } from "./token.ts";

test("usual ids stay as they are", () => {
  expect(encodeToken("lecture_7-b")).toBe("lecture_7-b");
});

test("what NATS and Redis read as syntax is escaped", () => {
  expect(encodeToken("a.b>*{c} é")).toBe("a=2eb=3e=2a=7bc=7d=20=c3=a9");
  expect(encodeToken("")).toBe("=");
});

test("any text comes back, and its token is one token", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (text) => {
      const token = encodeToken(text);
      expect(token).toMatch(/^[A-Za-z0-9_=-]+$/);
      expect(decodeToken(token)).toBe(text);
    }),
  );
});

test("what is no token has no text", () => {
  for (const bad of ["", "a.b", "=4", "=zz", "=ff", "é"]) expect(decodeToken(bad)).toBeUndefined();
});
