import { compactNtp, compactNtpDurationFromUs } from "@cation/rtp/ntp";
import { ReportBlock } from "@cation/rtp/report-block";
import { writeReceiverReport } from "@cation/rtp/rtcp-receiver-report";
import { writeSdesCname } from "@cation/rtp/rtcp-sdes";
import { writeSenderReport } from "@cation/rtp/rtcp-sender-report";
import { timestampAdd } from "@cation/rtp/sequence";
import type { RtpTimestamp, Ssrc } from "@cation/rtp/units";
import type { ConsumerStream } from "./consumer-stream.ts";
import type { EngineConfig } from "./engine-config.ts";
import type { EngineTransport } from "./engine-transport.ts";
import { RtcpCounter } from "./quality-counters.ts";
import type { QualityCounters } from "./quality-counters.ts";
import type { Random } from "./random.ts";
import type { ProducerStream } from "./producer-stream.ts";
import type { RtcpOutbox } from "./rtcp-outbox.ts";

const MAX_BLOCKS = 31;
const NTP_FRACTIONS_PER_US = 0x1_0000_0000 / 1_000_000;

/** What a sender report says, filled anew for each. */
class SenderReportDraft {
  ssrc = 0 as Ssrc;
  ntpSeconds = 0;
  ntpFraction = 0;
  rtpTimestamp = 0 as RtpTimestamp;
  packetCount = 0;
  octetCount = 0;
}

/**
 * Writes the periodic reports of a transport (RFC 3550 §6.4): sender reports for what goes out, with the publisher's NTP
 * time, so that audio and video of one participant stay together; report blocks for what comes in; a CNAME for each.
 */
export class ReportSender {
  readonly #config: EngineConfig;
  readonly #random: Random;
  readonly #outbox: RtcpOutbox;
  readonly #quality: QualityCounters;
  readonly #draft = new SenderReportDraft();
  readonly #blocks: readonly ReportBlock[] = Array.from({ length: MAX_BLOCKS }, () => new ReportBlock());

  constructor(config: EngineConfig, random: Random, outbox: RtcpOutbox, quality: QualityCounters) {
    this.#config = config;
    this.#random = random;
    this.#outbox = outbox;
    this.#quality = quality;
  }

  /** Time of the next report: the configured interval, randomized over [0.5, 1.5] (RFC 3550 §6.3.1). */
  nextReportUs(nowUs: number): number {
    return nowUs + Math.round(this.#config.reportIntervalUs * (0.5 + this.#random.nextUint32() / 0x1_0000_0000));
  }

  /** Sends the reports of a transport, in as many compounds as they need. */
  send(transport: EngineTransport, nowUs: number): void {
    let blockCount = this.#fillBlocks(transport, nowUs);
    let position = 0;
    for (const consumer of transport.consumers) {
      for (const stream of consumer.streams) {
        if (!this.#fillDraft(stream, nowUs)) continue;
        const start = position;
        position = this.#append(transport, position, blockCount);
        if (position < 0) {
          this.#outbox.send(transport, start);
          position = this.#append(transport, 0, blockCount);
        }
        blockCount = 0;
        this.#quality.count(RtcpCounter.SENDER_REPORT_SENT);
        stream.receiver.reportSent(compactNtp(this.#draft.ntpSeconds, this.#draft.ntpFraction), nowUs);
      }
    }
    if (blockCount > 0) position = this.#appendReceiverReport(transport, blockCount);
    if (position > 0) this.#outbox.send(transport, position);
  }

  /** Sender report (with the report blocks, where there are some) and CNAME; -1 where they do not fit. */
  #append(transport: EngineTransport, offset: number, blockCount: number): number {
    const bytes = this.#outbox.bytes;
    const end = writeSenderReport(bytes, offset, this.#draft, this.#blocks, blockCount);
    return end < 0 ? -1 : writeSdesCname(bytes, end, this.#draft.ssrc, transport.cname);
  }

  #appendReceiverReport(transport: EngineTransport, blockCount: number): number {
    const bytes = this.#outbox.bytes;
    const end = writeReceiverReport(bytes, 0, transport.localSsrc, this.#blocks, blockCount);
    this.#quality.count(RtcpCounter.RECEIVER_REPORT_SENT);
    return end < 0 ? -1 : writeSdesCname(bytes, end, transport.localSsrc, transport.cname);
  }

  /** False where the stream has sent nothing of its present source, or that one's clock is not known. */
  #fillDraft(stream: ConsumerStream, nowUs: number): boolean {
    const source = stream.source;
    const rewriter = stream.rewriter;
    if (source === undefined || rewriter.sourceKey !== source.sourceKey) return false;
    if (stream.consumer.keepsClock) return this.#fillKeptDraft(stream, source, nowUs);
    if (!source.clock.known) return false;
    const clock = source.clock;
    const elapsedUs = Math.max(0, nowUs - clock.arrivalUs);
    const fraction = clock.ntpFraction + elapsedUs * NTP_FRACTIONS_PER_US;
    const ticks = Math.round((elapsedUs * source.producer.clockRateHz) / 1_000_000);
    const draft = this.#draft;
    draft.ssrc = (stream.ssrc >>> 0) as Ssrc;
    draft.ntpSeconds = (clock.ntpSeconds + Math.floor(fraction / 0x1_0000_0000)) >>> 0;
    draft.ntpFraction = (fraction % 0x1_0000_0000) >>> 0;
    draft.rtpTimestamp = timestampAdd(clock.rtpTimestamp + rewriter.timestampOffset, ticks);
    draft.packetCount = stream.packets;
    draft.octetCount = stream.bytes;
    return true;
  }

  /** By the kept clock: what was sent last, moved on by the time since. */
  #fillKeptDraft(stream: ConsumerStream, source: ProducerStream, nowUs: number): boolean {
    const { keptClock } = stream.consumer;
    if (keptClock === undefined) return false;
    const { rewriter } = stream;
    const elapsedUs = Math.max(0, nowUs - rewriter.lastArrivalUs);
    const ticks = Math.round((elapsedUs * source.producer.clockRateHz) / 1_000_000);
    keptClock.read(nowUs);
    const draft = this.#draft;
    draft.ssrc = (stream.ssrc >>> 0) as Ssrc;
    draft.ntpSeconds = keptClock.ntpSeconds;
    draft.ntpFraction = keptClock.ntpFraction;
    draft.rtpTimestamp = timestampAdd(rewriter.lastTimestamp, ticks);
    draft.packetCount = stream.packets;
    draft.octetCount = stream.bytes;
    return true;
  }

  #fillBlocks(transport: EngineTransport, nowUs: number): number {
    let count = 0;
    for (const producer of transport.producers) {
      for (const stream of producer.streams) {
        if (count === MAX_BLOCKS || stream.packets === 0 || stream.ssrc === 0) continue;
        this.#fillBlock(this.#blocks[count++], stream, nowUs);
      }
    }
    return count;
  }

  #fillBlock(block: ReportBlock, stream: ProducerStream, nowUs: number): void {
    const reception = stream.reception;
    reception.closeInterval();
    const jitterUs = (reception.jitter * 1_000_000) / stream.producer.clockRateHz;
    this.#quality.received.add(reception.fractionLost / 256, reception.intervalLost, jitterUs);
    block.ssrc = stream.ssrc as Ssrc;
    block.fractionLost = reception.fractionLost;
    block.cumulativeLost = reception.cumulativeLost;
    // The unwrapper starts in cycle 1, the report in cycle 0.
    block.highestSequence = Math.max(0, reception.highestExtSeq - 0x1_0000) >>> 0;
    block.jitter = reception.jitter;
    block.lastSenderReport = stream.clock.known ? stream.clock.ntpMiddle : 0;
    block.delaySinceLastSenderReport = stream.clock.known
      ? compactNtpDurationFromUs(nowUs - stream.clock.arrivalUs)
      : 0;
  }
}
