import { describe, expect, test } from "vitest";
import { TransportTable } from "../transport-table.ts";
import { SentLog } from "./sent-log.ts";

describe("SentLog", () => {
  test("hands over what was added, in order, each transport its own; says when it is full", () => {
    const table = new TransportTable();
    const log = new SentLog(table);
    const rows = Array.from({ length: 40 }, (_, i) => table.open(1000 + i));
    for (const row of rows) log.open(row);
    for (let n = 0; n < 63; n++) {
      for (const row of rows) expect(log.add(row, 0x8000_0000 + n, row + n, 1e12 + n)).toBe(true);
    }
    expect(log.add(rows[7], 5, 6, 7)).toBe(false);
    for (const row of rows) {
      const read: number[][] = [];
      const reader = { onSent: (...entry: number[]) => void read.push(entry) };
      log.read(row, reader);
      log.read(row, reader);
      const expected = Array.from({ length: 63 }, (_, n) => [0x8000_0000 + n, row + n, 1e12 + n]);
      expect(read).toEqual(row === rows[7] ? [...expected, [5, 6, 7]] : expected);
    }
  });
});
