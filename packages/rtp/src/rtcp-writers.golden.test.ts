import { describe, expect, it } from "vitest";
import { ntpFractionFromUnixUs, ntpSecondsFromUnixUs } from "./ntp.ts";
import { ReportBlock } from "./report-block.ts";
import { writeBye } from "./rtcp-bye.ts";
import { writeFir } from "./rtcp-fir.ts";
import { writeNack } from "./rtcp-nack.ts";
import { writePli } from "./rtcp-pli.ts";
import { writeReceiverReport } from "./rtcp-receiver-report.ts";
import { writeRemb } from "./rtcp-remb.ts";
import { writeSdesCname } from "./rtcp-sdes.ts";
import { writeSenderReport } from "./rtcp-sender-report.ts";
import { NOT_RECEIVED, TransportFeedbackWriter } from "./rtcp-transport-feedback-writer.ts";
import { DelaySinceLastRr, writeDelaySinceLastRr, writeReceiverReferenceTime } from "./rtcp-xr.ts";
import type { RtpTimestamp, SeqNum, Ssrc } from "./units.ts";

/*
 * What our writers make, as tshark 4 dissected it (RTCP length check, dissector "rtcp"): each field there was what had
 * been asked for. The bytes below are those packets; a change of them wants another look with a dissector.
 */

function hex(...parts: string[]): string {
  return parts.join("");
}

const REPORTS = hex(
  "81c8000c0000005eeeae0f0b74f01fb80001e2400000000a000007d00000b10c19fffffd000100050000004d11112222",
  "0001000081ca00050000005e010c636174696f6e2d636e616d65000082cb00050000005e0000005f0874656172646f77",
  "6e000000",
);

const EXTENDED = hex(
  "82c9000d0000005e0000b10c19fffffd000100050000004d11112222000100000000b10c19fffffd000100050000004d",
  "111122220001000080cf00040000005e04000002000000010000000280cf00050000005e050000030000000700000008",
  "00000009",
);

const NACK = hex("81cd00050000000100000002fffe8003000f000000280000");

const PLI = hex("81ce00020000000100000002");

const FIR = hex("84ce000400000001000000000000000209000000");

const REMB = hex("8fce0006000000010000000052454d420212625a0000000500000006");

const FEEDBACK = hex(
  "afcd000d0000000100000002fffa001c00000f05d42a2013c800a004018cfffc01940101010102010101010201010101",
  "0201010101017a01",
);

const SENDER = 1 as Ssrc;
const MEDIA = 2 as Ssrc;

function written(write: (target: Uint8Array) => number): string {
  const target = new Uint8Array(1500);
  return Buffer.from(target.subarray(0, write(target))).toString("hex");
}

function block(): ReportBlock {
  return Object.assign(new ReportBlock(), {
    ssrc: 0xb10c,
    fractionLost: 25,
    cumulativeLost: -3,
    highestSequence: 0x1_0005,
    jitter: 77,
    lastSenderReport: 0x1111_2222,
    delaySinceLastSenderReport: 65_536,
  });
}

describe("RTCP as tshark read it", () => {
  it("sender report of 2026-11-23 01:02:03.456789, CNAME and goodbye", () => {
    const unixUs = Date.UTC(2026, 10, 23, 1, 2, 3, 456) * 1000 + 789;
    const report = {
      ssrc: 0x5e as Ssrc,
      ntpSeconds: ntpSecondsFromUnixUs(unixUs),
      ntpFraction: ntpFractionFromUnixUs(unixUs),
      rtpTimestamp: 123_456 as RtpTimestamp,
      packetCount: 10,
      octetCount: 2000,
    };
    const text = new TextEncoder();
    const bytes = written((target) => {
      const afterReport = writeSenderReport(target, 0, report, [block()], 1);
      const afterName = writeSdesCname(target, afterReport, report.ssrc, text.encode("cation-cname"));
      return writeBye(target, afterName, [0x5e as Ssrc, 0x5f as Ssrc], 2, text.encode("teardown"));
    });
    expect(bytes).toBe(REPORTS);
  });

  it("receiver report, reference time and the answer to one", () => {
    const item = Object.assign(new DelaySinceLastRr(), { ssrc: 7, lastRr: 8, delaySinceLastRr: 9 });
    const bytes = written((target) => {
      const afterReport = writeReceiverReport(target, 0, 0x5e as Ssrc, [block(), block()], 2);
      const afterTime = writeReceiverReferenceTime(target, afterReport, 0x5e as Ssrc, 1, 2);
      return writeDelaySinceLastRr(target, afterTime, 0x5e as Ssrc, [item], 1);
    });
    expect(bytes).toBe(EXTENDED);
  });

  it("NACK, PLI, FIR and REMB", () => {
    const lost = [0xfffe, 0xffff, 0, 14, 15, 40];
    expect(written((target) => writeNack(target, 0, SENDER, MEDIA, lost, 0, lost.length))).toBe(NACK);
    expect(written((target) => writePli(target, 0, SENDER, MEDIA))).toBe(PLI);
    expect(written((target) => writeFir(target, 0, SENDER, MEDIA, 9))).toBe(FIR);
    const ssrcs = [5 as Ssrc, 6 as Ssrc];
    expect(written((target) => writeRemb(target, 0, SENDER, 2_500_000, ssrcs, 2))).toBe(REMB);
  });

  it("transport feedback with loss, reordering, large deltas and all kinds of chunks", () => {
    const steady = Array.from({ length: 20 }, (_, i) => 1_200_000 + 300 * i);
    const arrivals = Float64Array.of(
      ...[1_000_000, 1_001_000, NOT_RECEIVED, NOT_RECEIVED, 1_100_000, 1_099_000],
      ...steady,
      ...[NOT_RECEIVED, 1_300_000],
    );
    const base = 65_530 as SeqNum;
    const writer = new TransportFeedbackWriter();
    const bytes = written((target) =>
      writer.write(target, 0, target.length, SENDER, MEDIA, base, arrivals, 0, arrivals.length, 5),
    );
    expect(bytes).toBe(FEEDBACK);
    expect(writer.written).toBe(28);
  });
});
