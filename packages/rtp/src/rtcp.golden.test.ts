import { describe, expect, it } from "vitest";
import { loadFixture } from "../fixtures/fixture.ts";
import { NackReader } from "./rtcp-nack.ts";
import { PliReader } from "./rtcp-pli.ts";
import { RtcpReader, RtcpType } from "./rtcp-reader.ts";
import { ReceiverReportReader } from "./rtcp-receiver-report.ts";
import { ReportBlock } from "./report-block.ts";
import { SdesItem, SdesReader } from "./rtcp-sdes.ts";
import { SenderReportReader } from "./rtcp-sender-report.ts";
import { TransportFeedbackWriter } from "./rtcp-transport-feedback-writer.ts";
import { NOT_RECEIVED } from "./rtcp-transport-feedback-writer.ts";
import { ReferenceTimeUnwrapper, TransportFeedbackReader } from "./rtcp-transport-feedback.ts";
import { XrReader } from "./rtcp-xr.ts";
import { seqDelta } from "./sequence.ts";

const compounds = loadFixture("chromium-rtcp-lossy").records;

/** Calls back for each packet of the type in the capture. */
function eachOf(packetType: number, format: number | undefined, use: (reader: RtcpReader) => void): number {
  const reader = new RtcpReader();
  let count = 0;
  for (const { bytes } of compounds) {
    expect(reader.set(bytes, 0, bytes.length)).toBe(true);
    while (reader.next()) {
      if (reader.packetType !== packetType || (format !== undefined && reader.format !== format)) continue;
      use(reader);
      count++;
    }
    expect(reader.malformed).toBe(false);
  }
  return count;
}

describe("RTCP as Chromium writes it (8 % loss)", () => {
  it("sender reports: time goes on, and with it the RTP clock", () => {
    const report = new SenderReportReader();
    let lastSeconds = -1;
    let lastTimestamp = 0;
    const count = eachOf(RtcpType.SENDER_REPORT, undefined, (reader) => {
      expect(report.set(reader.bytes, reader.offset, reader.byteLength)).toBe(true);
      const seconds = report.ntpSeconds + report.ntpFraction / 2 ** 32;
      if (lastSeconds > 0) {
        const ticks = (report.rtpTimestamp - lastTimestamp) | 0;
        expect(Math.abs(ticks / 90_000 - (seconds - lastSeconds))).toBeLessThan(0.01);
      }
      lastSeconds = seconds;
      lastTimestamp = report.rtpTimestamp;
      expect(report.octetCount).toBeGreaterThanOrEqual(report.packetCount);
    });
    expect(count).toBeGreaterThan(2);
  });

  it("source descriptions: one CNAME, always the same", () => {
    const sdes = new SdesReader();
    const names = new Set<string>();
    eachOf(RtcpType.SDES, undefined, (reader) => {
      expect(sdes.set(reader.bytes, reader.offset, reader.byteLength)).toBe(true);
      expect(sdes.next()).toBe(true);
      expect(sdes.itemType).toBe(SdesItem.CNAME);
      names.add(new TextDecoder().decode(reader.bytes.subarray(sdes.valueOffset, sdes.valueOffset + sdes.valueBytes)));
      expect(sdes.next()).toBe(false);
      expect(sdes.malformed).toBe(false);
    });
    expect(names.size).toBe(1);
    expect([...names][0]).toMatch(/^[A-Za-z0-9+/]{16}$/);
  });

  it("receiver reports: media and RTX, with the loss that the relay made", () => {
    const report = new ReceiverReportReader();
    const block = new ReportBlock();
    let fractionLost = 0;
    const count = eachOf(RtcpType.RECEIVER_REPORT, undefined, (reader) => {
      expect(report.set(reader.bytes, reader.offset, reader.byteLength)).toBe(true);
      expect(report.blockCount).toBe(2);
      for (let i = 0; i < report.blockCount; i++) {
        expect(report.readBlock(i, block)).toBe(true);
        fractionLost = Math.max(fractionLost, block.fractionLost);
      }
      expect(report.readBlock(2, block)).toBe(false);
    });
    expect(count).toBeGreaterThan(2);
    expect(fractionLost).toBeGreaterThan(0);
    expect(fractionLost).toBeLessThan(128);
  });

  it("extended reports: a reference time, or the answer to one", () => {
    const xr = new XrReader();
    const blockTypes = new Set<number>();
    eachOf(RtcpType.EXTENDED_REPORT, undefined, (reader) => {
      expect(xr.set(reader.bytes, reader.offset, reader.byteLength)).toBe(true);
      while (xr.next()) blockTypes.add(xr.blockType);
      expect(xr.malformed).toBe(false);
    });
    expect(blockTypes.size).toBeGreaterThan(0);
  });

  it("NACKs and the PLI are about the stream that is sent", () => {
    const report = new SenderReportReader();
    const ssrcs = new Set<number>();
    eachOf(RtcpType.SENDER_REPORT, undefined, (reader) => {
      report.set(reader.bytes, reader.offset, reader.byteLength);
      ssrcs.add(report.ssrc);
    });
    const nack = new NackReader();
    const lost: number[] = [];
    const nacks = eachOf(RtcpType.TRANSPORT_FEEDBACK, 1, (reader) => {
      expect(nack.set(reader.bytes, reader.offset, reader.byteLength)).toBe(true);
      expect(ssrcs).toContain(nack.mediaSsrc);
      while (nack.next()) lost.push(nack.sequenceNumber);
    });
    expect(nacks).toBeGreaterThan(0);
    expect(lost.length).toBeGreaterThanOrEqual(nacks);
    const pli = new PliReader();
    const plis = eachOf(RtcpType.PAYLOAD_FEEDBACK, 1, (reader) => {
      expect(pli.set(reader.bytes, reader.offset, reader.byteLength)).toBe(true);
      expect(ssrcs).toContain(pli.mediaSsrc);
    });
    expect(plis).toBeGreaterThan(0);
  });

  it("transport feedback: goes on without a gap, tells of the loss, and we write the same", () => {
    const feedback = new TransportFeedbackReader();
    const unwrapper = new ReferenceTimeUnwrapper();
    const writer = new TransportFeedbackWriter();
    let nextNumber = -1;
    let nextCount = -1;
    let received = 0;
    let lost = 0;
    eachOf(RtcpType.TRANSPORT_FEEDBACK, 15, (reader) => {
      expect(feedback.set(reader.bytes, reader.offset, reader.byteLength)).toBe(true);
      if (nextCount >= 0) expect(feedback.feedbackCount).toBe(nextCount);
      // A later message may report again on what the one before called lost.
      if (nextNumber >= 0) expect(seqDelta(feedback.baseSequenceNumber, nextNumber)).toBeLessThanOrEqual(0);
      nextCount = (feedback.feedbackCount + 1) & 0xff;
      nextNumber = (feedback.baseSequenceNumber + feedback.packetStatusCount) & 0xffff;
      const referenceUs = unwrapper.unwrapUs(feedback.referenceTime);
      const arrivals = new Float64Array(feedback.packetStatusCount).fill(NOT_RECEIVED);
      for (let i = 0; feedback.next(); i++) {
        if (feedback.received) arrivals[i] = referenceUs + feedback.arrivalUs;
        if (feedback.received) received++;
        else lost++;
      }
      expectSame(writer, feedback, arrivals, reader);
    });
    expect(received).toBeGreaterThan(40);
    expect(lost / (lost + received)).toBeGreaterThan(0.02);
    expect(lost / (lost + received)).toBeLessThan(0.2);
  });
});

function expectSame(
  writer: TransportFeedbackWriter,
  told: TransportFeedbackReader,
  arrivals: Float64Array,
  original: RtcpReader,
): void {
  const target = new Uint8Array(1500);
  const end = writer.write(
    target,
    0,
    target.length,
    told.senderSsrc,
    told.mediaSsrc,
    told.baseSequenceNumber,
    arrivals,
    0,
    arrivals.length,
    told.feedbackCount,
  );
  expect(writer.written).toBe(arrivals.length);
  const announced = 4 * (((original.bytes[original.offset + 2] << 8) | original.bytes[original.offset + 3]) + 1);
  expect(end).toBeLessThanOrEqual(announced);
  const again = new TransportFeedbackReader();
  const reader = new RtcpReader();
  expect(reader.set(target, 0, end)).toBe(true);
  expect(reader.next()).toBe(true);
  expect(again.set(target, reader.offset, reader.byteLength)).toBe(true);
  const shiftUs = (again.referenceTime - told.referenceTime) * 64_000;
  for (let i = 0; again.next(); i++) {
    expect(again.received).toBe(arrivals[i] >= 0);
    if (again.received) expect(told.referenceTime * 64_000 + shiftUs + again.arrivalUs).toBe(arrivals[i]);
  }
}
