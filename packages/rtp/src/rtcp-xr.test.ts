import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { absurdRanges, acceptedPrefixes } from "../fixtures/malformed.ts";
import {
  DelaySinceLastRr,
  XrBlockType,
  XrReader,
  writeDelaySinceLastRr,
  writeReceiverReferenceTime,
} from "./rtcp-xr.ts";
import type { Ssrc } from "./units.ts";

const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const item = fc.record({ ssrc: u32.map((value) => value as Ssrc), lastRr: u32, delaySinceLastRr: u32 });

function blocksOf(bytes: Uint8Array, offset: number, length: number): unknown {
  const reader = new XrReader();
  if (!reader.set(bytes, offset, length)) return undefined;
  const blocks = [];
  while (reader.next()) {
    const items = Array.from({ length: reader.itemCount }, () => new DelaySinceLastRr());
    items.forEach((one, index) => expect(reader.readItem(index, one)).toBe(true));
    expect(reader.readItem(reader.itemCount, new DelaySinceLastRr())).toBe(false);
    const fields = items.map(({ ssrc, lastRr, delaySinceLastRr }) => ({ ssrc, lastRr, delaySinceLastRr }));
    blocks.push([reader.blockType, reader.ntpSeconds, reader.ntpFraction, fields]);
  }
  return { blocks, malformed: reader.malformed };
}

describe("XR", () => {
  it("reads back reference times and the answers to them", () => {
    fc.assert(
      fc.property(u32, u32, fc.array(item, { maxLength: 10 }), (seconds, fraction, items) => {
        const target = new Uint8Array(200);
        const end = writeReceiverReferenceTime(target, 1, 9 as Ssrc, seconds, fraction);
        expect(blocksOf(target, 1, end - 1)).toEqual({
          blocks: [[XrBlockType.RECEIVER_REFERENCE_TIME, seconds, fraction, []]],
          malformed: false,
        });
        const dlrrEnd = writeDelaySinceLastRr(target, 1, 9 as Ssrc, items, items.length);
        expect(blocksOf(target, 1, dlrrEnd - 1)).toEqual({
          blocks: [[XrBlockType.DELAY_SINCE_LAST_RR, 0, 0, items]],
          malformed: false,
        });
      }),
    );
  });

  it("passes over blocks that it does not know", () => {
    const packet = Uint8Array.of(0x80, 207, 0, 4, 0, 0, 0, 1, 42, 0, 0, 1, 9, 9, 9, 9, 4, 0, 0, 0);
    expect(blocksOf(packet, 0, 16)).toEqual({ blocks: [[42, 0, 0, []]], malformed: false });
    // A reference time block without its time.
    expect(blocksOf(packet, 0, 20)).toEqual({ blocks: [[42, 0, 0, []]], malformed: true });
  });

  it("says so where a block runs past the end", () => {
    const target = new Uint8Array(36);
    writeDelaySinceLastRr(target, 0, 1 as Ssrc, [new DelaySinceLastRr(), new DelaySinceLastRr()], 2);
    acceptedPrefixes(target, blocksOf);
    expect(blocksOf(target, 0, 35)).toEqual({ blocks: [], malformed: true });
    expect(blocksOf(target, 0, 10)).toEqual({ blocks: [], malformed: true });
    for (const [offset, length] of absurdRanges(target)) expect(blocksOf(target, offset, length)).toBeUndefined();
  });

  it("must fit", () => {
    expect(writeReceiverReferenceTime(new Uint8Array(19), 0, 1 as Ssrc, 0, 0)).toBe(-1);
    expect(writeDelaySinceLastRr(new Uint8Array(23), 0, 1 as Ssrc, [new DelaySinceLastRr()], 1)).toBe(-1);
  });
});
