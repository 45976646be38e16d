import fc from "fast-check";
import { expect, it } from "vitest";
import { layOutTiles } from "./tile-layout.ts";

const GAP = 12;

it("uses the whole of a wide window for two", () => {
  expect(layOutTiles(2, 1200, 700, GAP)).toMatchObject({ columns: 2, rows: 1 });
});

it("stacks two on a phone held upright", () => {
  expect(layOutTiles(2, 390, 700, GAP)).toMatchObject({ columns: 1, rows: 2 });
});

it("every tile has a place inside the window, unless it has to scroll", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 60 }),
      fc.integer({ min: 320, max: 3000 }),
      fc.integer({ min: 200, max: 2000 }),
      (count, width, height) => {
        const { columns, rows, tileWidth, tileHeight } = layOutTiles(count, width, height, GAP);
        expect(columns * rows).toBeGreaterThanOrEqual(count);
        expect(columns * tileWidth + GAP * (columns - 1)).toBeLessThanOrEqual(width);
        const needed = rows * tileHeight + GAP * (rows - 1);
        if (needed > height) expect(tileWidth).toBeLessThan(320);
        expect(tileWidth).toBeGreaterThan(100);
      },
    ),
  );
});
