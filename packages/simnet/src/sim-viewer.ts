import type { GatheredPacket } from "@cation/engine/gathering-sink";
import { compactNtpDurationFromUs } from "@cation/rtp/ntp";
import { readU16 } from "@cation/rtp/byte-order";
import { seqOf } from "@cation/rtp/sequence";
import { ReportBlock } from "@cation/rtp/report-block";
import { ByeReader } from "@cation/rtp/rtcp-bye";
import { writeNack } from "@cation/rtp/rtcp-nack";
import { writePli } from "@cation/rtp/rtcp-pli";
import { RtcpReader, RtcpType } from "@cation/rtp/rtcp-reader";
import { writeReceiverReport } from "@cation/rtp/rtcp-receiver-report";
import { SenderReportReader } from "@cation/rtp/rtcp-sender-report";
import { RtpPacketView } from "@cation/rtp/rtp-packet-view";
import type { Ssrc } from "@cation/rtp/units";
import { FeedbackReceiver } from "./bandwidth/feedback-receiver.ts";
import { VIEWER_EXTENSIONS } from "./sim-codecs.ts";
import type { VirtualClock } from "./virtual-clock.ts";
import { ViewerStream } from "./viewer-stream.ts";
import type { ViewerStreamParams } from "./viewer-stream.ts";

const TICK_US = 20_000;
const REPORT_INTERVAL_US = 1_000_000;
const FEEDBACK_INTERVAL_US = 50_000;
const PLI_INTERVAL_US = 300_000;
/** How long a decoder that cannot go on waits before it asks for a keyframe. */
const PLI_PATIENCE_US = 200_000;
const LOCAL_SSRC = 1 as Ssrc;

/** What a viewer does besides. */
export interface ViewerOptions {
  /** Transport-wide feedback, as transport-cc promises. */
  readonly transportCc: boolean;
}

/** A client that watches: recovers, decodes, reports. Reads records as they go on the wire, writes plain RTCP. */
export class SimViewer {
  readonly streams: ViewerStream[] = [];
  readonly violations: string[] = [];
  byes = 0;
  /** Packets of streams that nobody announced. */
  strays = 0;

  readonly #clock: VirtualClock;
  readonly #send: (bytes: Uint8Array) => void;
  readonly #view = new RtpPacketView();
  readonly #options: ViewerOptions;
  readonly #arrivals = new FeedbackReceiver();
  #stopped = false;
  #nextReportUs = 0;

  constructor(clock: VirtualClock, send: (bytes: Uint8Array) => void, options: ViewerOptions = { transportCc: true }) {
    this.#clock = clock;
    this.#send = send;
    this.#options = options;
  }

  start(): void {
    this.#nextReportUs = this.#clock.nowUs + REPORT_INTERVAL_US;
    this.#tick();
    if (this.#options.transportCc) this.#feedbackTick();
  }

  stop(): void {
    this.#stopped = true;
  }

  addStream(params: ViewerStreamParams): ViewerStream {
    const stream = new ViewerStream(params);
    this.streams.push(stream);
    return stream;
  }

  /** Everything that was unsound, in words. */
  check(): string[] {
    return [
      ...this.violations,
      ...this.streams.flatMap((stream) => [
        ...stream.violations,
        ...(stream.params.kind === "video" ? stream.decoder.violations : []),
      ]),
    ];
  }

  /** A packet has arrived. */
  receive(packet: GatheredPacket): void {
    if (this.#stopped) return;
    if (packet.rtcp) this.#receiveRtcp(packet.bytes);
    else this.#receiveRtp(packet);
  }

  #receiveRtp(packet: GatheredPacket): void {
    const view = this.#view;
    if (!view.set(packet.bytes, 0, packet.bytes.length)) {
      this.violations.push("malformed RTP");
      return;
    }
    if (view.headerBytes !== packet.headerBytes) this.violations.push(`header of ${view.headerBytes} bytes`);
    const number = view.findExtension(VIEWER_EXTENSIONS.transportCc);
    if (number >= 0) {
      this.#arrivals.receive(seqOf(readU16(view.bytes, number)), packet.bytes.length, this.#clock.nowUs);
    }
    const stream = this.#streamOf(view.ssrc);
    if (stream === undefined) this.strays++;
    else stream.receive(view, packet.index, this.#clock.nowUs);
  }

  #receiveRtcp(bytes: Uint8Array): void {
    const reader = new RtcpReader();
    if (!reader.set(bytes, 0, bytes.length)) this.violations.push("malformed RTCP");
    while (reader.next()) {
      if (reader.packetType === RtcpType.SENDER_REPORT) this.#takeReport(reader);
      if (reader.packetType === RtcpType.BYE) {
        const bye = new ByeReader();
        if (bye.set(reader.bytes, reader.offset, reader.byteLength)) this.byes += bye.ssrcCount;
      }
    }
    if (reader.malformed) this.violations.push("malformed RTCP");
  }

  #takeReport(reader: RtcpReader): void {
    const report = new SenderReportReader();
    if (!report.set(reader.bytes, reader.offset, reader.byteLength)) return;
    this.#streamOf(report.ssrc)?.takeReport(report, this.#clock.nowUs);
  }

  #streamOf(ssrc: number): ViewerStream | undefined {
    return this.streams.find((stream) => stream.params.ssrc === ssrc || stream.params.rtxSsrc === ssrc);
  }

  #tick(): void {
    if (this.#stopped) return;
    const nowUs = this.#clock.nowUs;
    for (const stream of this.streams) {
      stream.drain(nowUs);
      this.#askForPackets(stream, nowUs);
      this.#askForKeyframe(stream, nowUs);
    }
    if (nowUs >= this.#nextReportUs) {
      this.#report(nowUs);
      this.#nextReportUs = nowUs + REPORT_INTERVAL_US;
    }
    this.#clock.after(TICK_US, () => this.#tick());
  }

  #feedbackTick(): void {
    if (this.#stopped) return;
    this.#arrivals.report(LOCAL_SSRC, (this.streams[0]?.params.ssrc ?? 0) as Ssrc, (bytes) => this.#send(bytes));
    this.#clock.after(FEEDBACK_INTERVAL_US, () => this.#feedbackTick());
  }

  #askForPackets(stream: ViewerStream, nowUs: number): void {
    const numbers = stream.recovery.collectNacks(nowUs);
    for (let first = 0; first < numbers.length; first += 64) {
      const bytes = new Uint8Array(300);
      const count = Math.min(64, numbers.length - first);
      const end = writeNack(bytes, 0, LOCAL_SSRC, stream.params.ssrc as Ssrc, numbers, first, count);
      if (end > 0) this.#send(bytes.slice(0, end));
    }
  }

  #askForKeyframe(stream: ViewerStream, nowUs: number): void {
    if (stream.params.kind !== "video" || !stream.decoder.broken || stream.recovery.received === 0) return;
    const sinceFrameUs = nowUs - Math.max(stream.lastFrameUs, stream.recovery.startUs);
    if (sinceFrameUs < PLI_PATIENCE_US || nowUs - stream.lastPliUs < PLI_INTERVAL_US) return;
    stream.lastPliUs = nowUs;
    stream.plisSent++;
    const bytes = new Uint8Array(12);
    writePli(bytes, 0, LOCAL_SSRC, stream.params.ssrc as Ssrc);
    this.#send(bytes);
  }

  #report(nowUs: number): void {
    const blocks: ReportBlock[] = [];
    for (const stream of this.streams) {
      if (stream.recovery.received === 0) continue;
      const block = new ReportBlock();
      block.ssrc = stream.params.ssrc as Ssrc;
      block.highestSequence = stream.recovery.highest & 0xffff_ffff;
      block.cumulativeLost = stream.recovery.skipped.length + stream.recovery.missing + stream.repaired;
      block.lastSenderReport = stream.lastReportNtp;
      block.delaySinceLastSenderReport =
        stream.lastReportUs < 0 ? 0 : compactNtpDurationFromUs(nowUs - stream.lastReportUs);
      blocks.push(block);
    }
    if (blocks.length === 0) return;
    const bytes = new Uint8Array(1200);
    const end = writeReceiverReport(bytes, 0, LOCAL_SSRC, blocks, blocks.length);
    if (end > 0) this.#send(bytes.slice(0, end));
  }
}
