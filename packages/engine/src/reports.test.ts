import { compactNtp } from "@cation/rtp/ntp";
import { ReportBlock } from "@cation/rtp/report-block";
import { ByeReader, writeBye } from "@cation/rtp/rtcp-bye";
import { NackReader } from "@cation/rtp/rtcp-nack";
import { RtcpReader, RtcpType } from "@cation/rtp/rtcp-reader";
import { ReceiverReportReader, writeReceiverReport } from "@cation/rtp/rtcp-receiver-report";
import { SdesItem, SdesReader } from "@cation/rtp/rtcp-sdes";
import { SenderReportReader, writeSenderReport } from "@cation/rtp/rtcp-sender-report";
import type { RtpTimestamp, Ssrc } from "@cation/rtp/units";
import { describe, expect, test } from "vitest";
import type { Consumer } from "./consumer.ts";
import type { GatheredPacket } from "./gathering-sink.ts";
import type { TrackId } from "./ids.ts";
import { NO_HEADER_EXTENSIONS } from "./header-extensions.ts";
import type { Producer } from "./producer.ts";
import { opus, PUBLISHER_EXTENSIONS, VIEWER_EXTENSIONS, vp8 } from "./testing/codecs.ts";
import { EngineFixture } from "./testing/engine-fixture.ts";
import { buildRtp, buildVp8 } from "./testing/rtp-builder.ts";

const PUBLISHER = 1 as never;
const VIEWER = 2 as never;
const VIDEO_SSRC = 0xaaaa_0001;
const OUT_SSRC = 0xbbbb_0001;

function setUp(): { fixture: EngineFixture; producer: Producer; consumer: Consumer } {
  const fixture = new EngineFixture();
  fixture.openTransport(1);
  fixture.openTransport(2);
  const producer = fixture.engine.addProducer({
    trackId: "t" as TrackId,
    kind: "video",
    origin: "local",
    transport: PUBLISHER,
    mid: "0",
    codecs: [vp8(96, 97)],
    extensions: PUBLISHER_EXTENSIONS,
    encodings: [{ rid: "", ssrc: VIDEO_SSRC, rtxSsrc: 0 }],
  });
  const consumer = fixture.engine.addConsumer(producer, {
    transport: VIEWER,
    codecs: [vp8(120, 0)],
    extensions: VIEWER_EXTENSIONS,
    mid: "0",
    mode: "single",
    streams: [{ ssrc: OUT_SSRC, rtxSsrc: 0 }],
  });
  return { fixture, producer, consumer };
}

function video(sequenceNumber: number): Uint8Array {
  const draft = { pictureId: 1, tl0PictureIndex: 1, temporalId: 0, startOfFrame: true, keyframe: true };
  const payload = buildVp8({ ...draft, pictureId: sequenceNumber & 0x7fff });
  return buildRtp({
    payloadType: 96,
    sequenceNumber,
    timestamp: ((sequenceNumber + 0x8000) & 0xffff) * 3000,
    ssrc: VIDEO_SSRC,
    payload,
  });
}

function senderReport(ssrc: number, ntpSeconds: number, ntpFraction: number, rtpTimestamp: number): Uint8Array {
  const bytes = new Uint8Array(28);
  const counts = { packetCount: 1, octetCount: 1 };
  const times = { ntpSeconds, ntpFraction, rtpTimestamp: rtpTimestamp as RtpTimestamp };
  writeSenderReport(bytes, 0, { ssrc: ssrc as Ssrc, ...times, ...counts }, [], 0);
  return bytes;
}

/** Packets of one type inside compounds that went to a transport. */
function partsOf(packets: readonly GatheredPacket[], transport: number, type: number): Uint8Array[] {
  return packets
    .filter((packet) => packet.rtcp && packet.transport === transport)
    .flatMap(({ bytes }) => {
      const reader = new RtcpReader();
      const parts: Uint8Array[] = [];
      expect(reader.set(bytes, 0, bytes.length)).toBe(true);
      while (reader.next()) {
        if (reader.packetType === type) parts.push(bytes.slice(reader.offset, reader.offset + reader.byteLength));
      }
      expect(reader.malformed).toBe(false);
      return parts;
    });
}

describe("reports", () => {
  test("a receiver report tells the publisher what came, with LSR, DLSR and CNAME", () => {
    const { fixture } = setUp();
    fixture.receive(PUBLISHER, senderReport(VIDEO_SSRC, 0x1234_5678, 0x9abc_def0, 0));
    for (const sequenceNumber of [65_534, 65_535, 1, 2]) fixture.receive(PUBLISHER, video(sequenceNumber));
    fixture.take();
    fixture.advance(1_600_000);
    const sent = fixture.take();
    const [bytes] = partsOf(sent, 1, RtcpType.RECEIVER_REPORT);
    const report = new ReceiverReportReader();
    const block = new ReportBlock();
    expect(report.set(bytes, 0, bytes.length) && report.readBlock(0, block)).toBe(true);
    expect(block).toMatchObject({
      ssrc: VIDEO_SSRC,
      cumulativeLost: 1,
      fractionLost: Math.floor(256 / 5),
      highestSequence: 0x1_0002,
      lastSenderReport: 0x5678_9abc,
    });
    expect(block.delaySinceLastSenderReport / 65_536).toBeGreaterThan(0.4);
    expect(block.delaySinceLastSenderReport / 65_536).toBeLessThan(1.6);
    const { received, rtcp } = fixture.engine.stats().quality;
    expect(received).toMatchObject({ lostPackets: 1, loss: { sum: Math.floor(256 / 5) / 256 } });
    expect(rtcp["sender-report-received"]).toBe(1);
    expect(rtcp["receiver-report-sent"]).toBeGreaterThan(0);
    const [description] = partsOf(sent, 1, RtcpType.SDES);
    const sdes = new SdesReader();
    sdes.set(description, 0, description.length);
    expect(sdes.next() && sdes.itemType).toBe(SdesItem.CNAME);
    expect(new TextDecoder().decode(description.subarray(sdes.valueOffset, sdes.valueOffset + sdes.valueBytes))).toBe(
      "test",
    );
  });

  test("a sender report carries the publisher's clock on the receiver's timestamps", () => {
    const { fixture } = setUp();
    fixture.receive(PUBLISHER, video(1), video(2));
    const [first] = fixture.takeRtp();
    const offset = (new DataView(first.bytes.buffer).getUint32(4) - 0x8001 * 3000) | 0;
    fixture.advance(3_000_000);
    expect(partsOf(fixture.take(), 2, RtcpType.SENDER_REPORT)).toHaveLength(0);
    fixture.receive(PUBLISHER, senderReport(VIDEO_SSRC, 1000, 0x8000_0000, 9000));
    const startUs = fixture.nowUs;
    fixture.advance(1_600_000);
    const reports = partsOf(fixture.take(), 2, RtcpType.SENDER_REPORT);
    expect(reports.length).toBeGreaterThan(0);
    const report = new SenderReportReader();
    expect(report.set(reports[0], 0, reports[0].length)).toBe(true);
    expect(report.ssrc).toBe(OUT_SSRC);
    expect(report.packetCount).toBe(2);
    const elapsed = report.ntpSeconds + report.ntpFraction / 2 ** 32 - 1000.5;
    expect(elapsed).toBeGreaterThan(0);
    expect(elapsed).toBeLessThanOrEqual((fixture.nowUs - startUs) / 1e6);
    const expected = (9000 + offset + Math.round(elapsed * 90_000)) >>> 0;
    expect(Math.abs((report.rtpTimestamp - expected) | 0)).toBeLessThanOrEqual(1);
  });

  test("round trip by LSR and DLSR, although the NTP time is the publisher's", () => {
    const { fixture, consumer } = setUp();
    fixture.receive(PUBLISHER, video(1), senderReport(VIDEO_SSRC, 1000, 0, 9000));
    fixture.advance(1_600_000);
    const [sent] = partsOf(fixture.take(), 2, RtcpType.SENDER_REPORT).slice(-1);
    const report = new SenderReportReader();
    report.set(sent, 0, sent.length);
    // The advance went past the report; find out how long ago it was sent from the report itself.
    const ageUs = fixture.nowUs - (1_000_000 + (report.ntpSeconds + report.ntpFraction / 2 ** 32 - 1000) * 1e6);
    const block = new ReportBlock();
    block.ssrc = OUT_SSRC as Ssrc;
    block.lastSenderReport = compactNtp(report.ntpSeconds, report.ntpFraction);
    block.delaySinceLastSenderReport = Math.round((ageUs / 1e6) * 65_536);
    block.fractionLost = 64;
    block.cumulativeLost = 3;
    fixture.nowUs += 80_000;
    const bytes = new Uint8Array(32);
    writeReceiverReport(bytes, 0, 1 as Ssrc, [block], 1);
    fixture.receive(VIEWER, bytes);
    const [stats] = consumer.stats();
    expect(stats.rttUs).toBeGreaterThan(79_000);
    expect(stats.rttUs).toBeLessThan(81_000);
    expect(stats.reportedLostPackets).toBe(3);
    expect(stats.reportedFractionLost).toBe(0.25);
    const { sent: reported, roundTripUs, rtcp } = fixture.engine.stats().quality;
    expect(reported.lostPackets).toBe(3);
    // 0.25 lies between the bounds 0.2 and 0.5; 80 ms between 50 and 100.
    expect(reported.loss).toEqual({ counts: [0, 0, 0, 0, 0, 0, 0, 1, 0], sum: 0.25 });
    expect(roundTripUs.counts).toEqual([0, 0, 0, 0, 0, 1, 0, 0, 0, 0]);
    expect(rtcp["receiver-report-received"]).toBe(1);
    expect(rtcp["sender-report-sent"]).toBeGreaterThan(0);
  });

  test("many streams go in several compounds, each whole and below the path's limit", () => {
    const fixture = new EngineFixture();
    fixture.openTransport(1);
    fixture.openTransport(2);
    for (let i = 0; i < 60; i++) {
      const producer = fixture.engine.addProducer({
        trackId: `t${i}` as TrackId,
        kind: "audio",
        origin: "local",
        transport: PUBLISHER,
        mid: `${i}`,
        codecs: [opus(111)],
        extensions: NO_HEADER_EXTENSIONS,
        encodings: [{ rid: "", ssrc: 1000 + i, rtxSsrc: 0 }],
      });
      fixture.engine.addConsumer(producer, {
        transport: VIEWER,
        codecs: [opus(63)],
        extensions: NO_HEADER_EXTENSIONS,
        mid: "",
        mode: "single",
        streams: [{ ssrc: 2000 + i, rtxSsrc: 0 }],
      });
      const packet = { payloadType: 111, sequenceNumber: 1, timestamp: 1, ssrc: 1000 + i, payload: new Uint8Array(9) };
      fixture.receive(PUBLISHER, buildRtp(packet), senderReport(1000 + i, 1, 1, 1));
    }
    fixture.take();
    fixture.advance(1_500_000);
    const sent = fixture.take();
    for (const { bytes } of sent) expect(bytes.length).toBeLessThanOrEqual(1200);
    const reporters = new Set(partsOf(sent, 2, RtcpType.SENDER_REPORT).map((part) => part.slice(4, 8).join()));
    expect(reporters.size).toBe(60);
    const indices = sent.filter((packet) => packet.transport === 2).map((packet) => packet.index);
    expect(new Set(indices).size).toBe(indices.length);
  });

  test("without reduced-size RTCP, feedback comes behind a report and a CNAME", () => {
    const fixture = new EngineFixture();
    const params = { extensions: PUBLISHER_EXTENSIONS, cname: "c", reducedSizeRtcp: false };
    fixture.engine.openTransport(PUBLISHER, fixture.sink, params);
    fixture.engine.addProducer({
      trackId: "t" as TrackId,
      kind: "video",
      origin: "local",
      transport: PUBLISHER,
      mid: "0",
      codecs: [vp8(96, 97)],
      extensions: PUBLISHER_EXTENSIONS,
      encodings: [{ rid: "", ssrc: VIDEO_SSRC, rtxSsrc: 0 }],
    });
    fixture.receive(PUBLISHER, video(10), video(14), video(15));
    const [{ bytes }] = fixture.takeRtcp();
    const reader = new RtcpReader();
    reader.set(bytes, 0, bytes.length);
    const types: number[] = [];
    while (reader.next()) types.push(reader.packetType);
    expect(types).toEqual([RtcpType.RECEIVER_REPORT, RtcpType.SDES, RtcpType.TRANSPORT_FEEDBACK]);
    const nack = new NackReader();
    expect(nack.set(reader.bytes, reader.offset, reader.byteLength)).toBe(true);
    const lost: number[] = [];
    while (nack.next()) lost.push(nack.sequenceNumber);
    expect(lost).toEqual([11, 12, 13]);
  });

  test("BYE of the publisher stops the encoding at once", () => {
    const { fixture, producer } = setUp();
    fixture.receive(PUBLISHER, video(1));
    const bytes = new Uint8Array(8);
    writeBye(bytes, 0, [VIDEO_SSRC as Ssrc], 1, new Uint8Array(0));
    fixture.receive(PUBLISHER, bytes);
    expect(fixture.stopped).toEqual([{ producer, encoding: 0 }]);
    fixture.receive(PUBLISHER, video(2));
    expect(fixture.started).toHaveLength(2);
  });

  test("closing a consumer says BYE of its ssrc", () => {
    const { fixture, consumer } = setUp();
    fixture.receive(PUBLISHER, video(1));
    fixture.take();
    fixture.engine.closeConsumer(consumer);
    fixture.engine.closeConsumer(consumer);
    const parts = partsOf(fixture.take(), 2, RtcpType.BYE);
    expect(parts).toHaveLength(1);
    const bye = new ByeReader();
    expect(bye.set(parts[0], 0, parts[0].length) && bye.ssrc(0)).toBe(OUT_SSRC);
    expect(fixture.closedConsumers).toEqual([]);
  });
});
