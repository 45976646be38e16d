import { describe, expect, it } from "vitest";
import { HeaderExtensionWriter } from "./header-extension-writer.ts";

describe("HeaderExtensionWriter", () => {
  it("reserves elements and says where they are", () => {
    const writer = new HeaderExtensionWriter([3, 5, 9]);
    expect(writer.reserve(0, 2)).toBe(true);
    expect(writer.put(2, Uint8Array.of(7, 8, 9), 1, 2)).toBe(true);
    const target = new Uint8Array(64).fill(0xee);
    expect(writer.byteLength).toBe(12);
    expect(writer.write(target, 4)).toBe(16);
    expect([writer.offsetOf(0), writer.offsetOf(1), writer.offsetOf(2)]).toEqual([9, -1, 12]);
    expect([...target.subarray(4, 17)]).toEqual([0xbe, 0xde, 0, 2, 0x31, 0, 0, 0x91, 8, 9, 0, 0, 0xee]);
  });

  it("changes to the two-byte form while one element needs it", () => {
    const writer = new HeaderExtensionWriter([1, 2]);
    const target = new Uint8Array(64);
    writer.reserve(0, 1);
    writer.reserve(1, 17);
    writer.write(target, 0);
    expect([target[0], target[1]]).toEqual([0x10, 0x00]);
    writer.reserve(1, 16);
    writer.write(target, 0);
    expect([target[0], target[1]]).toEqual([0xbe, 0xde]);
    writer.reserve(1, 0);
    writer.write(target, 0);
    expect([target[0], target[1]]).toEqual([0x10, 0x00]);
  });

  it("writes nothing where all are left out", () => {
    const writer = new HeaderExtensionWriter([1, 2]);
    writer.reserve(0, 1);
    writer.omitAll();
    expect([writer.byteLength, writer.write(new Uint8Array(0), 0), writer.offsetOf(0)]).toEqual([0, 0, -1]);
  });

  it("refuses what does not fit", () => {
    const writer = new HeaderExtensionWriter([1]);
    expect(writer.reserve(0, 256)).toBe(false);
    expect(writer.put(0, new Uint8Array(3), 2, 2)).toBe(false);
    writer.reserve(0, 4);
    expect(writer.write(new Uint8Array(11), 0)).toBe(-1);
    expect(writer.write(new Uint8Array(12), 0)).toBe(12);
  });
});
