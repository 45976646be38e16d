import { describe, expect, test } from "vitest";
import { TransportTable, TransportWord } from "./transport-table.ts";

describe("TransportTable", () => {
  test("finds rows by handle, also where the low halves of two handles are equal, and not after closing", () => {
    const table = new TransportTable();
    const handles = Array.from({ length: 100 }, (_, i) => (i * 0x8001_0007) | 0).slice(1);
    const clash = (handles[3] + 0x10_0000) | 0;
    const rows = [...handles, clash].map((handle) => table.open(handle));
    for (const [i, handle] of [...handles, clash].entries()) expect(table.rowOf(handle)).toBe(rows[i]);
    table.close(rows[3]);
    expect(table.rowOf(handles[3])).toBe(-1);
    expect(table.rowOf(clash)).toBe(rows.at(-1));
    expect(table.open(77)).toBe(rows[3]);
    expect(table.rowOf(77)).toBe(rows[3]);
    expect(table.i32[rows[3] + TransportWord.HANDLE]).toBe(77);
  });
});
