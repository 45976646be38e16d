import { expect, it } from "vitest";
import { signalUrl } from "./signal-url.ts";

it.each([
  ["http://localhost:8080", "ws://localhost:8080/rtc"],
  ["https://example.org/", "wss://example.org/rtc"],
  ["wss://example.org/rtc", "wss://example.org/rtc"],
  ["https://example.org/cation/rtc?x=1", "wss://example.org/cation/rtc?x=1"],
])("%s becomes %s", (address, expected) => {
  expect(signalUrl(address)).toBe(expected);
});
