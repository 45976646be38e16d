import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BitReader } from "./bit-reader.ts";
import { BitWriter } from "./bit-writer.ts";

describe("bits", () => {
  it("read back as they were written", () => {
    const field = fc
      .integer({ min: 0, max: 32 })
      .chain((count) => fc.record({ count: fc.constant(count), value: fc.integer({ min: 0, max: 2 ** count - 1 }) }));
    fc.assert(
      fc.property(fc.array(field, { maxLength: 40 }), (fields) => {
        const target = new Uint8Array(200).fill(0xff);
        const writer = new BitWriter();
        writer.set(target, 3);
        for (const { value, count } of fields) writer.write(value, count);
        const reader = new BitReader();
        reader.set(target, 3, Math.ceil(writer.position / 8));
        for (const { value, count } of fields) expect(reader.read(count)).toBe(value);
        expect([reader.overrun, reader.position]).toEqual([false, writer.position]);
      }),
    );
  });

  it("are zeros past the end, and that is remembered", () => {
    const reader = new BitReader();
    reader.set(Uint8Array.of(0xff, 0xff), 0, 1);
    expect(reader.read(7)).toBe(127);
    expect([reader.read(2), reader.overrun, reader.flag()]).toEqual([0, true, false]);
  });

  it("know the non-symmetric code: the table of AV1 RTP §A.8.2 for n = 5", () => {
    for (const [bits, value] of [
      [0b000, 0],
      [0b010, 1],
      [0b100, 2],
      [0b110, 3],
      [0b111, 4],
    ]) {
      const reader = new BitReader();
      reader.set(Uint8Array.of(bits << 5), 0, 1);
      expect(reader.readNonSymmetric(5)).toBe(value);
    }
    const reader = new BitReader();
    reader.set(Uint8Array.of(0xff), 0, 1);
    expect([reader.readNonSymmetric(1), reader.position]).toEqual([0, 0]);
  });

  it("know Exp-Golomb codes (H.264 table 9-2)", () => {
    const reader = new BitReader();
    // 1, 010, 011, 00100, 00111: 0, 1, 2, 3, 6
    reader.set(Uint8Array.of(0b1010_0110, 0b0100_0011, 0b1000_0000), 0, 3);
    expect([1, 2, 3, 4, 5].map(() => reader.readExpGolomb())).toEqual([0, 1, 2, 3, 6]);
    reader.set(Uint8Array.of(0b1010_0110, 0b0100_0010, 0b1000_0000), 0, 3);
    expect([1, 2, 3, 4].map(() => reader.readSignedExpGolomb())).toEqual([-0, 1, -1, 2]);
    reader.set(new Uint8Array(20), 0, 20);
    expect([reader.readExpGolomb(), reader.overrun]).toEqual([0, true]);
  });
});
