import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { absurdRanges, acceptedPrefixes } from "../fixtures/malformed.ts";
import { ByeReader, writeBye } from "./rtcp-bye.ts";
import { SdesItem, SdesReader, writeSdes, writeSdesCname } from "./rtcp-sdes.ts";
import type { Ssrc } from "./units.ts";

const u32 = fc.integer({ min: 0, max: 0xffff_ffff });

interface Item {
  readonly ssrc: number;
  readonly itemType: number;
  readonly value: number[];
}

function itemsOf(bytes: Uint8Array, offset: number, length: number): { items: Item[]; malformed: boolean } | undefined {
  const reader = new SdesReader();
  if (!reader.set(bytes, offset, length)) return undefined;
  const items: Item[] = [];
  while (reader.next()) {
    const value = [...bytes.subarray(reader.valueOffset, reader.valueOffset + reader.valueBytes)];
    items.push({ ssrc: reader.ssrc, itemType: reader.itemType, value });
  }
  return { items, malformed: reader.malformed };
}

describe("SDES", () => {
  it("reads back", () => {
    fc.assert(
      fc.property(u32, fc.uint8Array({ maxLength: 255 }), fc.nat(6), (ssrc, cname, offset) => {
        const target = new Uint8Array(300).fill(0xee);
        const end = writeSdesCname(target, offset, ssrc as Ssrc, cname);
        expect((end - offset) % 4).toBe(0);
        expect(itemsOf(target, offset, end - offset)).toEqual({
          items: [{ ssrc, itemType: SdesItem.CNAME, value: [...cname] }],
          malformed: false,
        });
        expect(target[end]).toBe(0xee);
      }),
    );
  });

  it("steps through chunks with several items, padded to words (RFC 3550 §6.5)", () => {
    const packet = Uint8Array.of(
      ...[0x83, 202, 0, 8],
      ...[0, 0, 0, 1, 1, 2, 0x61, 0x62, 12, 1, 0x71, 0],
      ...[0, 0, 0, 2, 0, 0, 0, 0],
      ...[0, 0, 0, 3, 15, 3, 0x6d, 0x69, 0x64, 0, 0, 0],
    );
    expect(itemsOf(packet, 0, packet.length)).toEqual({
      items: [
        { ssrc: 1, itemType: SdesItem.CNAME, value: [0x61, 0x62] },
        { ssrc: 1, itemType: SdesItem.RTP_STREAM_ID, value: [0x71] },
        { ssrc: 3, itemType: SdesItem.MID, value: [0x6d, 0x69, 0x64] },
      ],
      malformed: false,
    });
    acceptedPrefixes(packet, itemsOf);
    expect(itemsOf(packet, 0, 28)).toMatchObject({ malformed: true });
  });

  it("says so where an item or chunk runs past the end", () => {
    expect(itemsOf(Uint8Array.of(0x81, 202, 0, 2, 0, 0, 0, 1, 1, 9, 0, 0), 0, 12)?.malformed).toBe(true);
    expect(itemsOf(Uint8Array.of(0x82, 202, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0), 0, 12)?.malformed).toBe(true);
    expect(itemsOf(Uint8Array.of(0x80, 202, 0, 0), 0, 4)).toEqual({ items: [], malformed: false });
  });

  it("must fit", () => {
    expect(writeSdes(new Uint8Array(400), 0, 1 as Ssrc, 1, new Uint8Array(256))).toBe(-1);
    expect(writeSdes(new Uint8Array(11), 0, 1 as Ssrc, 1, new Uint8Array(1))).toBe(-1);
    for (const [offset, length] of absurdRanges(new Uint8Array(20))) {
      expect(itemsOf(new Uint8Array(20).fill(0x81), offset, length)).toBeUndefined();
    }
  });
});

describe("BYE", () => {
  const byeOf = (bytes: Uint8Array, offset: number, length: number): unknown => {
    const reader = new ByeReader();
    if (!reader.set(bytes, offset, length)) return undefined;
    const ssrcs = Array.from({ length: reader.ssrcCount + 1 }, (_, index) => reader.ssrc(index));
    const reason =
      reader.reasonOffset < 0
        ? undefined
        : [...bytes.subarray(reader.reasonOffset, reader.reasonOffset + reader.reasonBytes)];
    return { ssrcs, reason };
  };

  it("reads back, with and without a reason", () => {
    fc.assert(
      fc.property(fc.array(u32, { maxLength: 31 }), fc.uint8Array({ maxLength: 255 }), (ssrcs, reason) => {
        const target = new Uint8Array(500);
        const end = writeBye(target, 1, ssrcs as Ssrc[], ssrcs.length, reason);
        const expected = reason.length === 0 ? undefined : [...reason];
        expect(byeOf(target, 1, end - 1)).toEqual({ ssrcs: [...ssrcs, -1], reason: expected });
      }),
    );
  });

  it("is refused when cut short, and must fit", () => {
    const target = new Uint8Array(16);
    writeBye(target, 0, [1 as Ssrc, 2 as Ssrc], 2, Uint8Array.of(0x78, 0x79, 0x7a));
    expect(acceptedPrefixes(target, byeOf)).toEqual([12, 16]);
    expect(writeBye(new Uint8Array(15), 0, [1 as Ssrc, 2 as Ssrc], 2, Uint8Array.of(1))).toBe(-1);
    expect(writeBye(new Uint8Array(400), 0, [], 0, new Uint8Array(256))).toBe(-1);
    const many = Array.from({ length: 32 }, () => 1 as Ssrc);
    expect(writeBye(new Uint8Array(400), 0, many, 32, new Uint8Array(0))).toBe(-1);
  });
});
