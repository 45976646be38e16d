import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { absurdRanges, acceptedPrefixes } from "../fixtures/malformed.ts";
import { HeaderExtensionWriter } from "./header-extension-writer.ts";
import { ExtensionForm, RtpPacketView } from "./rtp-packet-view.ts";
import {
  patchExtensionFlag,
  patchMarker,
  patchPaddingFlag,
  patchPayloadType,
  patchSequenceNumber,
  patchSsrc,
  patchTimestamp,
  peekSequenceNumber,
  peekSsrc,
  writePadding,
  writeRtpHeader,
} from "./rtp-writer.ts";

/** Fixed header with X set, then the given extension block and payload. */
function withExtension(block: readonly number[], payload: readonly number[] = [1, 2, 3]): Uint8Array {
  return Uint8Array.of(0x90, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, ...block, ...payload);
}

function viewOf(packet: Uint8Array): RtpPacketView {
  const view = new RtpPacketView();
  expect(view.set(packet, 0, packet.length)).toBe(true);
  return view;
}

function element(view: RtpPacketView, id: number): number[] | undefined {
  const position = view.findExtension(id);
  return position < 0 ? undefined : [...view.bytes.subarray(position, position + view.extensionBytes)];
}

function probe(bytes: Uint8Array, offset: number, length: number): unknown {
  const view = new RtpPacketView();
  if (!view.set(bytes, offset, length)) return undefined;
  const elements = [];
  for (let id = 0; id < 256; id++) elements.push(element(view, id) ?? 0);
  const csrcs = [];
  for (let i = 0; i <= view.csrcCount; i++) csrcs.push(view.csrc(i));
  return [
    [view.payloadType, view.marker, view.sequenceNumber, view.timestamp, view.ssrc, csrcs, view.headerBytes],
    [view.payloadOffset, view.payloadBytes, view.paddingBytes, view.hasTruncatedExtension(), elements],
  ];
}

describe("RtpPacketView", () => {
  it("reads the fixed header (RFC 3550 §5.1)", () => {
    const packet = Uint8Array.of(0x82, 0xe0, 0xab, 0xcd, 0xff, 0xff, 0xff, 0xfe, 0x80, 0, 0, 1)
      .reduce<number[]>((bytes, octet) => [...bytes, octet], [])
      .concat([0, 0, 0, 9, 0xff, 0, 0, 8], [7, 7]);
    const view = new RtpPacketView();
    expect(view.set(Uint8Array.from([0, ...packet, 0]), 1, packet.length)).toBe(true);
    expect([view.payloadType, view.marker, view.sequenceNumber]).toEqual([96, true, 0xabcd]);
    expect([view.timestamp, view.ssrc]).toEqual([0xffff_fffe, 0x8000_0001]);
    expect([view.csrcCount, view.csrc(0), view.csrc(1), view.csrc(2)]).toEqual([2, 9, 0xff00_0008, -1]);
    expect([view.headerBytes, view.payloadOffset, view.payloadBytes, view.paddingBytes]).toEqual([20, 21, 2, 0]);
  });

  it("refuses other versions", () => {
    for (const version of [0, 1, 3]) {
      expect(new RtpPacketView().set(Uint8Array.of(version << 6, ...new Uint8Array(20)), 0, 21)).toBe(false);
    }
  });

  it("takes padding off, all of the payload too; refuses what is longer or of length 0", () => {
    const header = [0xa0, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
    expect(viewOf(Uint8Array.from([...header, 5, 0, 2])).payloadBytes).toBe(1);
    expect(viewOf(Uint8Array.from([...header, 0, 0, 3])).payloadBytes).toBe(0);
    for (const tail of [[0, 0, 4], [0, 0, 0], [255], []]) {
      const packet = Uint8Array.from([...header, ...tail]);
      expect(new RtpPacketView().set(packet, 0, packet.length)).toBe(false);
    }
  });

  it("finds elements in the one-byte form: the example of RFC 8285 §4.2", () => {
    const block = [0xbe, 0xde, 0, 3, 0x10, 0xaa, 0x21, 1, 2, 0, 0, 0x33, 4, 5, 6, 7];
    const view = viewOf(withExtension(block));
    expect(view.extensionForm).toBe(ExtensionForm.ONE_BYTE);
    expect([element(view, 1), element(view, 2), element(view, 3)]).toEqual([[0xaa], [1, 2], [4, 5, 6, 7]]);
    expect([element(view, 0), element(view, 4), element(view, 15)]).toEqual([undefined, undefined, undefined]);
    expect(view.payloadBytes).toBe(3);
  });

  it("finds elements in the two-byte form: the example of RFC 8285 §4.3", () => {
    const block = [0x10, 0x00, 0, 3, 1, 0, 2, 1, 0xbb, 0, 3, 4, 4, 5, 6, 7];
    const view = viewOf(withExtension(block));
    expect(view.extensionForm).toBe(ExtensionForm.TWO_BYTE);
    expect([element(view, 1), element(view, 2), element(view, 3)]).toEqual([[], [0xbb], [4, 5, 6, 7]]);
  });

  it("takes the application bits for what they are, and knows no other profile", () => {
    expect(viewOf(withExtension([0x10, 0x0f, 0, 1, 7, 1, 9, 0])).findExtension(7)).toBe(18);
    const view = viewOf(withExtension([0xbe, 0xdf, 0, 1, 0x70, 1, 0, 0]));
    expect([view.extensionForm, view.findExtension(7)]).toEqual([ExtensionForm.NONE, -1]);
    expect(view.payloadBytes).toBe(3);
  });

  it("stops at id 15, and at id 0 with a length (RFC 8285 §4.2)", () => {
    expect(viewOf(withExtension([0xbe, 0xde, 0, 1, 0xf0, 1, 0x10, 9])).findExtension(1)).toBe(-1);
    expect(viewOf(withExtension([0xbe, 0xde, 0, 1, 0x01, 1, 0x10, 9])).findExtension(1)).toBe(-1);
  });

  it("finds nothing in or behind an element that runs past the block, and says so", () => {
    const one = viewOf(withExtension([0xbe, 0xde, 0, 1, 0x10, 9, 0x23, 1]));
    expect([element(one, 1), element(one, 2), one.hasTruncatedExtension()]).toEqual([[9], undefined, true]);
    const two = viewOf(withExtension([0x10, 0, 0, 1, 1, 3, 1, 2]));
    expect([element(two, 1), two.hasTruncatedExtension()]).toEqual([undefined, true]);
    const head = viewOf(withExtension([0x10, 0, 0, 1, 1, 1, 9, 2]));
    expect([element(head, 1), element(head, 2), head.hasTruncatedExtension()]).toEqual([[9], undefined, true]);
  });

  it("refuses a block or CSRCs past the end", () => {
    const long = withExtension([0xbe, 0xde, 0, 5, 0, 0, 0, 0]);
    expect(new RtpPacketView().set(long, 0, long.length)).toBe(false);
    const csrcs = Uint8Array.of(0x8f, ...new Uint8Array(30));
    expect(new RtpPacketView().set(csrcs, 0, csrcs.length)).toBe(false);
  });

  it("never reads outside its range, whatever the prefix", () => {
    const packet = withExtension([0xbe, 0xde, 0, 3, 0x10, 0xaa, 0x21, 1, 2, 0, 0, 0x33, 4, 5, 6, 7]);
    expect(acceptedPrefixes(packet, probe)).toEqual([28, 29, 30, 31]);
  });

  it("refuses ranges that are none", () => {
    const packet = withExtension([0xbe, 0xde, 0, 0]);
    for (const [offset, length] of absurdRanges(packet)) {
      expect(new RtpPacketView().set(packet, offset, length)).toBe(false);
    }
  });
});

const u16 = fc.integer({ min: 0, max: 0xffff });
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const elements = fc.uniqueArray(
  fc.record({ id: fc.integer({ min: 1, max: 255 }), data: fc.uint8Array({ maxLength: 30 }) }),
  { selector: (one) => one.id, maxLength: 6 },
);

describe("what is written", () => {
  it("reads back: header, extensions of either form, padding", () => {
    fc.assert(
      fc.property(
        fc.record({
          ...{
            payloadType: fc.integer({ min: 0, max: 127 }),
            marker: fc.boolean(),
            sequence: u16,
            time: u32,
            ssrc: u32,
          },
          ...{ payload: fc.uint8Array({ maxLength: 40 }), padding: fc.integer({ min: 0, max: 255 }), elements },
          offset: fc.integer({ min: 0, max: 9 }),
        }),
        (told) => {
          const target = new Uint8Array(1500).fill(0xee);
          const writer = new HeaderExtensionWriter(told.elements.map((one) => one.id));
          told.elements.forEach((one, index) => writer.put(index, one.data, 0, one.data.length));
          const hasExtension = told.elements.length > 0;
          let end = writeRtpHeader(
            target,
            told.offset,
            told.payloadType,
            told.marker,
            told.sequence,
            told.time,
            told.ssrc,
            hasExtension,
          );
          expect(writer.write(target, end)).toBe(end + writer.byteLength);
          end += writer.byteLength;
          target.set(told.payload, end);
          end += told.payload.length;
          if (told.padding > 0) {
            end = writePadding(target, end, told.padding);
            patchPaddingFlag(target, told.offset, true);
          }
          expect(target[end]).toBe(0xee);
          const view = new RtpPacketView();
          expect(view.set(target, told.offset, end - told.offset)).toBe(true);
          expect(view.payloadType).toBe(told.payloadType);
          expect(view.marker).toBe(told.marker);
          expect([view.sequenceNumber, view.timestamp, view.ssrc]).toEqual([told.sequence, told.time, told.ssrc]);
          expect(view.paddingBytes).toBe(told.padding);
          const payload = target.slice(view.payloadOffset, view.payloadOffset + view.payloadBytes);
          expect(payload).toEqual(told.payload);
          for (const one of told.elements) expect(element(view, one.id)).toEqual([...one.data]);
          expect(view.hasTruncatedExtension()).toBe(false);
        },
      ),
    );
  });

  it("can be patched field by field", () => {
    const packet = new Uint8Array(14);
    writeRtpHeader(packet, 1, 96, true, 1, 2, 3, false);
    patchPayloadType(packet, 1, 127);
    patchMarker(packet, 1, false);
    patchSequenceNumber(packet, 1, 0xfffe);
    patchTimestamp(packet, 1, 0x8000_0000);
    patchSsrc(packet, 1, 0xdead_beef);
    const view = new RtpPacketView();
    expect(view.set(packet, 1, 12)).toBe(true);
    expect([view.payloadType, view.marker, view.sequenceNumber]).toEqual([127, false, 0xfffe]);
    expect([view.timestamp, view.ssrc]).toEqual([0x8000_0000, 0xdead_beef]);
    expect([peekSequenceNumber(packet, 1), peekSsrc(packet, 1)]).toEqual([0xfffe, 0xdead_beef]);
    patchExtensionFlag(packet, 1, true);
    expect(packet[1]).toBe(0x90);
    patchExtensionFlag(packet, 1, false);
    expect([packet[0], packet[1], packet[13]]).toEqual([0, 0x80, 0]);
  });

  it("must fit", () => {
    expect(writeRtpHeader(new Uint8Array(11), 0, 96, false, 0, 0, 0, false)).toBe(-1);
    expect(writePadding(new Uint8Array(4), 1, 4)).toBe(-1);
    expect(writePadding(new Uint8Array(4), 0, 0)).toBe(-1);
    expect(writePadding(new Uint8Array(400), 0, 256)).toBe(-1);
  });
});
