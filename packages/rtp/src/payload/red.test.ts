import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { absurdRanges, acceptedPrefixes } from "../../fixtures/malformed.ts";
import { RedPayload } from "./red.ts";

const block = fc.record({
  payloadType: fc.integer({ min: 0, max: 127 }),
  timestampOffset: fc.integer({ min: 0, max: 0x3fff }),
  data: fc.uint8Array({ maxLength: 50 }),
});

function probe(bytes: Uint8Array, offset: number, length: number): unknown {
  const red = new RedPayload();
  if (!red.set(bytes, offset, length)) return undefined;
  const blocks = Array.from({ length: red.blockCount }, (_, i) => ({
    payloadType: red.payloadType(i),
    timestampOffset: red.timestampOffset(i),
    data: [...bytes.slice(red.blockOffset(i), red.blockOffset(i) + red.blockBytes(i))],
  }));
  const primary = [...bytes.slice(red.primaryOffset, red.primaryOffset + red.primaryBytes)];
  expect(red.primaryOffset + red.primaryBytes).toBe(offset + length);
  return { blocks, primaryPayloadType: red.primaryPayloadType, primary };
}

function build(
  blocks: readonly { payloadType: number; timestampOffset: number; data: Uint8Array }[],
  primary: Uint8Array,
): Uint8Array {
  const headers = blocks.flatMap(({ payloadType, timestampOffset, data }) => {
    const fields = (timestampOffset << 10) | data.length;
    return [0x80 | payloadType, fields >> 16, (fields >> 8) & 0xff, fields & 0xff];
  });
  return Uint8Array.from([...headers, 111, ...blocks.flatMap(({ data }) => [...data]), ...primary]);
}

describe("RedPayload (RFC 2198 §3)", () => {
  it("reads back blocks and primary", () => {
    fc.assert(
      fc.property(fc.array(block, { maxLength: 32 }), fc.uint8Array({ maxLength: 50 }), (blocks, primary) => {
        const bytes = build(blocks, primary);
        expect(probe(bytes, 0, bytes.length)).toEqual({
          blocks: blocks.map((one) => ({ ...one, data: [...one.data] })),
          primaryPayloadType: 111,
          primary: [...primary],
        });
      }),
    );
  });

  it("refuses more than 32 blocks, and what is cut short", () => {
    const one = { payloadType: 111, timestampOffset: 960, data: Uint8Array.of(1, 2, 3) };
    const many = build(
      Array.from({ length: 33 }, () => one),
      Uint8Array.of(9),
    );
    expect(probe(many, 0, many.length)).toBeUndefined();
    const bytes = build([one], Uint8Array.of(8, 9));
    expect(acceptedPrefixes(bytes, probe)).toEqual([8, 9, 10]);
    for (const [offset, length] of absurdRanges(bytes)) expect(probe(bytes, offset, length)).toBeUndefined();
  });
});
