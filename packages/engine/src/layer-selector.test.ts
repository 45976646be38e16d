import { expect, test } from "vitest";
import { selectEncoding } from "./layer-selector.ts";
import type { ProducerStream } from "./producer-stream.ts";

function streams(...active: boolean[]): ProducerStream[] {
  return active.map((isActive, index) => ({ index, active: isActive }) as ProducerStream);
}

test.each([
  [[true, true, true], 255, 2],
  [[true, true, true], 1, 1],
  [[true, true, false], 2, 1],
  [[true, false, false], 2, 0],
  [[false, false, true], 0, 2],
  [[false, true, true], 0, 1],
  [[false, false, false], 1, 1],
  [[false, false, false], 255, 2],
  [[true], -1, 0],
])("of %j with wish %i it is %i", (active, wish, expected) => {
  expect(selectEncoding(streams(...active), wish)?.index).toBe(expected);
});

test("nothing of nothing", () => {
  expect(selectEncoding([], 2)).toBeUndefined();
});
