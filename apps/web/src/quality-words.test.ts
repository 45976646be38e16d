import { describe, expect, it } from "vitest";
import { bitrateInWords, millisecondsInWords, qualityWords, shareInWords } from "./quality-words.ts";

describe("figures in words", () => {
  it.each([
    [5, 4, "good"],
    [3.5, 3, "good"],
    [2.5, 2, "fair"],
    [1, 1, "poor"],
  ])("a score of %d is %d bars, %s", (score, bars, grade) => {
    expect(qualityWords(score)).toMatchObject({ bars, grade });
  });

  it("bitrates, shares and times are short", () => {
    expect([0, 850, 320_400, 1_250_000].map(bitrateInWords)).toEqual(["–", "1 kb/s", "320 kb/s", "1.3 Mb/s"]);
    expect([0, 0.004, 0.025, 0.15].map(shareInWords)).toEqual(["0 %", "0.4 %", "2.5 %", "15 %"]);
    expect([undefined, 12.4].map(millisecondsInWords)).toEqual(["–", "12 ms"]);
  });
});
