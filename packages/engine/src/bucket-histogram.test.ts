import { describe, expect, it } from "vitest";
import { BucketHistogram } from "./bucket-histogram.ts";

describe("bucket histogram", () => {
  it("puts a sample into the first bucket that holds it", () => {
    const histogram = new BucketHistogram([1, 10]);
    for (const sample of [0, 1, 1.5, 10, 11]) histogram.add(sample);
    expect(histogram.snapshot()).toEqual({ counts: [2, 2, 1], sum: 23.5 });
  });
});
