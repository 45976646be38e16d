import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { STREAM_ROW_WORDS, StreamDouble, StreamFlag, StreamPlace, StreamTable, StreamWord } from "./stream-table.ts";

describe("StreamTable", () => {
  test("rows keep what they hold, whatever moves where, and stand without holes", () => {
    const move = fc.record({ stream: fc.nat(19), table: fc.nat(2) });
    fc.assert(
      fc.property(fc.array(move, { maxLength: 100 }), (moves) => {
        const tables = [new StreamTable(), new StreamTable(), new StreamTable()];
        const places = Array.from({ length: 20 }, (_, i) => {
          const place = new StreamPlace(tables[0]);
          place.setWord(StreamWord.SSRC, i);
          place.setDouble(StreamDouble.SEGMENT_START, i + 0.5);
          return place;
        });
        const where = places.map(() => 0);
        for (const { stream, table } of moves) {
          places[stream].moveTo(tables[table]);
          where[stream] = table;
        }
        for (const [i, place] of places.entries()) {
          const table = tables[where[i]];
          expect(place.word(StreamWord.SSRC)).toBe(i);
          expect(place.double(StreamDouble.SEGMENT_START)).toBe(i + 0.5);
          expect(table.i32[place.index * STREAM_ROW_WORDS + StreamWord.SSRC]).toBe(i);
        }
        for (const [t, table] of tables.entries()) {
          expect(table.count).toBe(where.filter((at) => at === t).length);
          const indices = places.filter((_, i) => where[i] === t).map((place) => place.index);
          expect(indices.toSorted((a, b) => a - b)).toEqual(indices.map((_, i) => i));
        }
      }),
    );
  });

  test("flags are set one by one; a place that has left can still be read", () => {
    const table = new StreamTable();
    const place = new StreamPlace(table);
    place.flag(StreamFlag.FRESH, true);
    place.flag(StreamFlag.GOES_UP, true);
    place.flag(StreamFlag.FRESH, false);
    place.leave();
    expect(table.count).toBe(0);
    expect([place.has(StreamFlag.FRESH), place.has(StreamFlag.GOES_UP)]).toEqual([false, true]);
  });

  test("words and doubles of a row do not overlap", () => {
    const doubles = Object.values(StreamDouble).flatMap((double) => [2 * double, 2 * double + 1]);
    const all = [...Object.values(StreamWord), ...doubles];
    expect(new Set(all).size).toBe(all.length);
    expect(Math.max(...all)).toBeLessThan(STREAM_ROW_WORDS);
  });
});
