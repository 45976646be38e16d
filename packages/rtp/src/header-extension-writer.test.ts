import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HeaderExtensionWriter } from "./header-extension-writer.ts";
import { RtpPacketView } from "./rtp-packet-view.ts";
import { writeRtpHeader } from "./rtp-writer.ts";

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

  it("writes what it was told last, whatever the order of changes", () => {
    const ids = [2, 14, 15, 200];
    const change = fc.record({
      index: fc.nat(ids.length - 1),
      act: fc.constantFrom("omit" as const, "reserve" as const, "put" as const),
      data: fc.uint8Array({ maxLength: 40 }),
    });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 20 }), (changes) => {
        const writer = new HeaderExtensionWriter(ids);
        const truth = new Map<number, number[]>();
        const view = new RtpPacketView();
        for (const { index, act, data } of changes) {
          if (act === "omit") writer.omit(index);
          else if (act === "reserve") writer.reserve(index, data.length);
          else writer.put(index, data, 0, data.length);
          if (act === "omit") truth.delete(index);
          else truth.set(index, act === "put" ? [...data] : Array.from({ length: data.length }, () => 0));

          const packet = new Uint8Array(300).fill(0xee);
          const block = writeRtpHeader(packet, 0, 96, false, 0, 0, 0, truth.size > 0);
          const end = writer.write(packet, block);
          expect(end - block).toBe(writer.byteLength);
          expect(view.set(packet, 0, end)).toBe(true);
          expect(packet[end]).toBe(0xee);
          ids.forEach((id, i) => {
            const position = view.findExtension(id);
            expect(position).toBe(writer.offsetOf(i));
            const found = [...packet.subarray(position, position + view.extensionBytes)];
            if (position >= 0) expect(found).toEqual(truth.get(i));
            else expect(truth.has(i)).toBe(false);
          });
        }
      }),
    );
  });
});
