import { describe, expect, it } from "vitest";
import { TransportTable } from "./transport-table.ts";

describe("TransportTable", () => {
  it("lets a closed index rest, and never repeats a handle soon", () => {
    const table = new TransportTable<{ handle: number }>();
    const seen = new Set<number>();
    for (let i = 0; i < 5000; i++) {
      const entry = table.open((handle) => ({ handle }));
      expect(table.get(entry.handle)).toBe(entry);
      expect(table.close(entry.handle)).toBe(entry);
      expect(table.get(entry.handle)).toBeUndefined();
      seen.add(entry.handle);
    }
    expect(seen.size).toBe(5000);
    expect(Math.max(...[...seen].map((handle) => handle & 0xffff))).toBe(1024);
  });

  it("refuses the 65,537th, and goes on when one is closed", () => {
    const table = new TransportTable<number>();
    const handles = Array.from({ length: 65_536 }, () => table.open((handle) => handle));
    expect(() => table.open((handle) => handle)).toThrow(/65536 transports/);
    table.close(handles[9]);
    const next = table.open((handle) => handle);
    expect(next & 0xffff).toBe(9);
    expect(next).not.toBe(handles[9]);
  });
});
