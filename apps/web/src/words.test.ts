import { CationError } from "@cation/client/errors";
import { expect, it } from "vitest";
import { deviceWords, errorWords, peopleInWords, screenWords } from "./words.ts";

it("every error is a sentence and an advice, also one that nobody knows", () => {
  for (const [code, retryable] of [
    ["ROOM_FULL", true],
    ["NEW_CODE", true],
    ["NEW_CODE", false],
  ] as const) {
    const { title, advice } = errorWords(new CationError(code, "Something happened.", retryable));
    expect(title).toMatch(/\.$/);
    expect(advice).toMatch(/\.$/);
  }
});

it.each([
  ["NotAllowedError", /blocked/],
  ["NotFoundError", /found/],
  ["NotReadableError", /could not be started/],
  ["InsecureContextError", /allows no camera/],
  ["SomethingElse", /cannot be used/],
])("%s of a camera is explained", (name, words) => {
  expect(deviceWords("camera", new DOMException("", name)).title).toMatch(words);
});

it("who changes their mind about sharing the screen is not told off", () => {
  expect(screenWords(new DOMException("", "NotAllowedError"))).toBeUndefined();
  expect(screenWords(new DOMException("", "NotReadableError"))?.title).toMatch(/could not be shared/);
  expect(screenWords(new TypeError("no such function"))?.title).toMatch(/cannot share/);
});

it("counts people", () => {
  expect([1, 2].map(peopleInWords)).toEqual(["1 person", "2 people"]);
});
