import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { absurdRanges, acceptedPrefixes } from "../fixtures/malformed.ts";
import { ReportBlock } from "./report-block.ts";
import { ReceiverReportReader, writeReceiverReport } from "./rtcp-receiver-report.ts";
import { SenderReportReader, writeSenderReport } from "./rtcp-sender-report.ts";
import type { RtpTimestamp, Ssrc } from "./units.ts";

const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const blockFields = fc.record({
  ssrc: u32.map((value) => value as Ssrc),
  fractionLost: fc.integer({ min: 0, max: 255 }),
  cumulativeLost: fc.integer({ min: -0x80_0000, max: 0x7f_ffff }),
  highestSequence: u32,
  jitter: u32,
  lastSenderReport: u32,
  delaySinceLastSenderReport: u32,
});
const blocks = fc.array(
  blockFields.map((fields) => Object.assign(new ReportBlock(), fields)),
  { maxLength: 31 },
);
const report = fc.record({
  ssrc: u32.map((value) => value as Ssrc),
  ntpSeconds: u32,
  ntpFraction: u32,
  rtpTimestamp: u32.map((value) => value as RtpTimestamp),
  packetCount: u32,
  octetCount: u32,
});

interface Blocks {
  readonly blockCount: number;
  readBlock(index: number, block: ReportBlock): boolean;
}

function blocksOf(reader: Blocks): ReportBlock[] {
  const all = Array.from({ length: reader.blockCount }, () => new ReportBlock());
  all.forEach((block, index) => expect(reader.readBlock(index, block)).toBe(true));
  expect(reader.readBlock(reader.blockCount, new ReportBlock())).toBe(false);
  expect(reader.readBlock(-1, new ReportBlock())).toBe(false);
  return all;
}

function senderProbe(bytes: Uint8Array, offset: number, length: number): unknown {
  const reader = new SenderReportReader();
  return reader.set(bytes, offset, length) ? [reader.ssrc, reader.octetCount, blocksOf(reader)] : undefined;
}

function receiverProbe(bytes: Uint8Array, offset: number, length: number): unknown {
  const reader = new ReceiverReportReader();
  return reader.set(bytes, offset, length) ? [reader.senderSsrc, blocksOf(reader)] : undefined;
}

describe("sender report", () => {
  it("reads back", () => {
    fc.assert(
      fc.property(report, blocks, fc.integer({ min: 0, max: 5 }), (fields, told, offset) => {
        const target = new Uint8Array(1000);
        const end = writeSenderReport(target, offset, fields, told, told.length);
        expect(end).toBe(offset + 28 + 24 * told.length);
        const reader = new SenderReportReader();
        expect(reader.set(target, offset, end - offset)).toBe(true);
        expect(reader).toMatchObject(fields);
        expect(blocksOf(reader)).toEqual(told);
      }),
    );
  });

  it("is refused when cut short, or of another type", () => {
    const target = new Uint8Array(76);
    const fields = { ssrc: 1 as Ssrc, ntpSeconds: 2, ntpFraction: 3, rtpTimestamp: 4 as RtpTimestamp };
    const all = { ...fields, packetCount: 5, octetCount: 6 };
    writeSenderReport(target, 0, all, [new ReportBlock(), new ReportBlock()], 2);
    expect(acceptedPrefixes(target, senderProbe)).toEqual([76]);
    for (const [offset, length] of absurdRanges(target)) expect(senderProbe(target, offset, length)).toBeUndefined();
    target[1] = 201;
    expect(senderProbe(target, 0, 76)).toBeUndefined();
  });

  it("must fit", () => {
    const fields = { ssrc: 1 as Ssrc, ntpSeconds: 2, ntpFraction: 3, rtpTimestamp: 4 as RtpTimestamp };
    const all = { ...fields, packetCount: 5, octetCount: 6 };
    expect(writeSenderReport(new Uint8Array(27), 0, all, [], 0)).toBe(-1);
    const many = Array.from({ length: 32 }, () => new ReportBlock());
    expect(writeSenderReport(new Uint8Array(1000), 0, all, many, 32)).toBe(-1);
  });
});

describe("receiver report", () => {
  it("reads back", () => {
    fc.assert(
      fc.property(u32, blocks, (ssrc, told) => {
        const target = new Uint8Array(1000);
        const end = writeReceiverReport(target, 3, ssrc as Ssrc, told, told.length);
        const reader = new ReceiverReportReader();
        expect(reader.set(target, 3, end - 3)).toBe(true);
        expect(reader.senderSsrc).toBe(ssrc);
        expect(blocksOf(reader)).toEqual(told);
      }),
    );
  });

  it("is refused when cut short", () => {
    const target = new Uint8Array(32);
    writeReceiverReport(target, 0, 1 as Ssrc, [new ReportBlock()], 1);
    expect(acceptedPrefixes(target, receiverProbe)).toEqual([32]);
    expect(writeReceiverReport(new Uint8Array(31), 0, 1 as Ssrc, [new ReportBlock()], 1)).toBe(-1);
  });

  it("clamps the loss to 24 bits", () => {
    const target = new Uint8Array(32);
    const block = new ReportBlock();
    const reader = new ReceiverReportReader();
    for (const [lost, kept] of [
      [1e9, 0x7f_ffff],
      [-1e9, -0x80_0000],
      [-1, -1],
    ]) {
      block.cumulativeLost = lost;
      writeReceiverReport(target, 0, 1 as Ssrc, [block], 1);
      reader.set(target, 0, 32);
      reader.readBlock(0, block);
      expect(block.cumulativeLost).toBe(kept);
    }
  });
});
