import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { renewalDelayMs, tokenExpiryMs } from "./access-token.ts";

function jwt(payload: unknown): string {
  return `e30.${Buffer.from(JSON.stringify(payload)).toString("base64url")}.signature`;
}

describe("tokenExpiryMs", () => {
  it.each([
    [jwt({ exp: 1_700_000_000 }), 1_700_000_000_000],
    [jwt({ exp: 1_700_000_000, name: "ÿÿÿ~~~???" }), 1_700_000_000_000],
    [jwt({}), undefined],
    [jwt({ exp: "soon" }), undefined],
    [jwt(null), undefined],
    ["", undefined],
    ["a.b", undefined],
    ["a.%%%.c", undefined],
  ])("reads %s", (token, expected) => {
    expect(tokenExpiryMs(token)).toBe(expected);
  });

  it("takes any text without throwing", () => {
    fc.assert(fc.property(fc.string(), (text) => void tokenExpiryMs(text)));
  });
});

it("renewal comes while the token still holds, and not at once where it holds for long", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 10 ** 9 }), (lifetimeMs) => {
      const delayMs = renewalDelayMs(lifetimeMs);
      expect(delayMs).toBeGreaterThanOrEqual(0);
      expect(delayMs).toBeLessThanOrEqual(lifetimeMs);
      if (lifetimeMs > 120_000) expect(delayMs).toBeGreaterThan(lifetimeMs / 2);
    }),
  );
  expect(renewalDelayMs(-5)).toBe(0);
});
