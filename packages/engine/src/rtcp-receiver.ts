import { ReportBlock } from "@cation/rtp/report-block";
import { ByeReader } from "@cation/rtp/rtcp-bye";
import { FirReader } from "@cation/rtp/rtcp-fir";
import { NackReader } from "@cation/rtp/rtcp-nack";
import { PliReader } from "@cation/rtp/rtcp-pli";
import { PayloadFeedbackFormat, RtcpReader, RtcpType, TransportFeedbackFormat } from "@cation/rtp/rtcp-reader";
import { RembReader } from "@cation/rtp/rtcp-remb";
import { ReceiverReportReader } from "@cation/rtp/rtcp-receiver-report";
import { SenderReportReader } from "@cation/rtp/rtcp-sender-report";
import { TransportFeedbackReader } from "@cation/rtp/rtcp-transport-feedback";
import { timestampDelta } from "@cation/rtp/sequence";
import type { ConsumerStream } from "./consumer-stream.ts";
import { DropReason } from "./drop-reason.ts";
import type { EngineContext } from "./engine-context.ts";
import type { EngineTransport } from "./engine-transport.ts";
import { RtcpCounter } from "./quality-counters.ts";

/** Takes compound RTCP packets apart and does what they ask: reports, feedback on arrivals, NACK, PLI, FIR, BYE. */
export class RtcpReceiver {
  readonly #context: EngineContext;
  readonly #reader = new RtcpReader();
  readonly #senderReport = new SenderReportReader();
  readonly #receiverReport = new ReceiverReportReader();
  readonly #block = new ReportBlock();
  readonly #nack = new NackReader();
  readonly #pli = new PliReader();
  readonly #fir = new FirReader();
  readonly #bye = new ByeReader();
  readonly #transportFeedback = new TransportFeedbackReader();
  readonly #remb = new RembReader();

  constructor(context: EngineContext) {
    this.#context = context;
  }

  /** Takes the compound at `offset` of the store's bytes. */
  receive(transport: EngineTransport, offset: number, length: number, arrivalUs: number, nowUs: number): void {
    const reader = this.#reader;
    if (!reader.set(this.#context.store.bytes, offset, length)) {
      this.#context.drops.add(DropReason.RTCP_MALFORMED);
      return;
    }
    while (reader.next()) {
      const reason = this.#receiveOne(transport, arrivalUs, nowUs);
      if (reason !== DropReason.NONE) this.#context.drops.add(reason);
    }
    transport.bandwidth?.endReports(nowUs);
    if (reader.malformed) this.#context.drops.add(DropReason.RTCP_MALFORMED);
  }

  #receiveOne(transport: EngineTransport, arrivalUs: number, nowUs: number): DropReason {
    const { packetType, format } = this.#reader;
    switch (packetType) {
      case RtcpType.SENDER_REPORT:
        return this.#takeSenderReport(transport, arrivalUs, nowUs);
      case RtcpType.RECEIVER_REPORT:
        return this.#takeReceiverReport(transport, nowUs);
      case RtcpType.BYE:
        return this.#takeBye(transport, nowUs);
      case RtcpType.TRANSPORT_FEEDBACK:
        if (format === TransportFeedbackFormat.NACK) return this.#takeNack(transport, nowUs);
        if (format === TransportFeedbackFormat.TRANSPORT_CC) return this.#takeTransportFeedback(transport, nowUs);
        return DropReason.RTCP_IGNORED;
      case RtcpType.PAYLOAD_FEEDBACK:
        if (format === PayloadFeedbackFormat.PLI) return this.#takePli(transport, nowUs);
        if (format === PayloadFeedbackFormat.FIR) return this.#takeFir(transport, nowUs);
        if (format === PayloadFeedbackFormat.AFB) return this.#takeRemb(transport, nowUs);
        return DropReason.RTCP_IGNORED;
      case RtcpType.SDES:
        return DropReason.NONE;
      default:
        return DropReason.RTCP_IGNORED;
    }
  }

  #takeSenderReport(transport: EngineTransport, arrivalUs: number, nowUs: number): DropReason {
    const report = this.#senderReport;
    const { bytes, offset, byteLength } = this.#reader;
    if (!report.set(bytes, offset, byteLength)) return DropReason.RTCP_MALFORMED;
    this.#context.quality.count(RtcpCounter.SENDER_REPORT_RECEIVED);
    for (let i = 0; i < report.blockCount; i++) {
      if (report.readBlock(i, this.#block)) this.#takeBlock(transport, nowUs);
    }
    const route = transport.demux.find(report.ssrc | 0);
    if (route === undefined) return DropReason.RTCP_UNKNOWN_SSRC;
    if (route.rtx) return DropReason.NONE;
    const { clock, forwarding } = route.stream;
    const first = !clock.known;
    clock.set(report.ntpSeconds, report.ntpFraction, report.rtpTimestamp, arrivalUs);
    // Lip sync begins with the first report: relays pass it on at once, so that it does not wait at each hop.
    for (let i = 0; first && i < forwarding.length; i++) {
      if (forwarding[i].consumer.params.mode !== "all") continue;
      forwarding[i].transport.nextReportUs = nowUs;
      this.#context.reportDueUs = nowUs;
    }
    return DropReason.NONE;
  }

  #takeReceiverReport(transport: EngineTransport, nowUs: number): DropReason {
    const report = this.#receiverReport;
    const { bytes, offset, byteLength } = this.#reader;
    if (!report.set(bytes, offset, byteLength)) return DropReason.RTCP_MALFORMED;
    this.#context.quality.count(RtcpCounter.RECEIVER_REPORT_RECEIVED);
    for (let i = 0; i < report.blockCount; i++) {
      if (report.readBlock(i, this.#block)) this.#takeBlock(transport, nowUs);
    }
    return DropReason.NONE;
  }

  #takeBlock(transport: EngineTransport, nowUs: number): void {
    const ssrc = this.#block.ssrc | 0;
    const stream = transport.sendStreams.get(ssrc);
    if (stream === undefined) {
      this.#context.drops.add(DropReason.RTCP_UNKNOWN_SSRC);
      return;
    }
    if (ssrc !== stream.ssrc) return;
    const { quality } = this.#context;
    const { receiver } = stream;
    const lostBefore = Math.max(0, receiver.lostPackets);
    const highestBefore = receiver.highestSequence;
    const measured = receiver.update(this.#block, nowUs);
    if (highestBefore >= 0) {
      const expected = timestampDelta(receiver.highestSequence, highestBefore);
      transport.bandwidth?.addReport(expected, receiver.lostPackets - lostBefore);
    }
    const jitterUs = (receiver.jitter * 1_000_000) / stream.consumer.producer.clockRateHz;
    quality.sent.add(receiver.fractionLost, receiver.lostPackets - lostBefore, jitterUs);
    if (!measured) return;
    const sampleUs = receiver.rttUs;
    quality.roundTrip.add(sampleUs);
    transport.rttUs = transport.rttUs < 0 ? sampleUs : transport.rttUs + (sampleUs - transport.rttUs) / 4;
  }

  #takeTransportFeedback(transport: EngineTransport, nowUs: number): DropReason {
    const { bytes, offset, byteLength } = this.#reader;
    const feedback = this.#transportFeedback;
    if (!feedback.set(bytes, offset, byteLength)) return DropReason.RTCP_MALFORMED;
    const { bandwidth } = transport;
    if (bandwidth === undefined) return DropReason.RTCP_IGNORED;
    bandwidth.onFeedback(feedback, nowUs);
    this.#context.bandwidth.changed(bandwidth, nowUs);
    return DropReason.NONE;
  }

  /** Other application feedback (AFB) than REMB is not used. */
  #takeRemb(transport: EngineTransport, nowUs: number): DropReason {
    const { bytes, offset, byteLength } = this.#reader;
    const { bandwidth } = transport;
    if (bandwidth === undefined || !this.#remb.set(bytes, offset, byteLength)) return DropReason.RTCP_IGNORED;
    bandwidth.onRemb(this.#remb.bitrateBps, nowUs);
    this.#context.bandwidth.changed(bandwidth, nowUs);
    return DropReason.NONE;
  }

  #takeNack(transport: EngineTransport, nowUs: number): DropReason {
    const nack = this.#nack;
    const { bytes, offset, byteLength } = this.#reader;
    if (!nack.set(bytes, offset, byteLength)) return DropReason.RTCP_MALFORMED;
    const stream = transport.sendStreams.get(nack.mediaSsrc | 0);
    if (stream === undefined || stream.ssrc !== (nack.mediaSsrc | 0)) return DropReason.RTCP_UNKNOWN_SSRC;
    this.#context.quality.count(RtcpCounter.NACK_RECEIVED);
    while (nack.next()) {
      stream.nackedPackets++;
      this.#context.quality.count(RtcpCounter.NACK_NUMBERS_RECEIVED);
      const reason = this.#context.retransmitter.resend(stream, nack.sequenceNumber, nowUs);
      if (reason !== DropReason.NONE) this.#context.drops.add(reason);
    }
    return DropReason.NONE;
  }

  #takePli(transport: EngineTransport, nowUs: number): DropReason {
    const { bytes, offset, byteLength } = this.#reader;
    if (!this.#pli.set(bytes, offset, byteLength)) return DropReason.RTCP_MALFORMED;
    this.#context.quality.count(RtcpCounter.PLI_RECEIVED);
    return this.#requestKeyframe(transport.sendStreams.get(this.#pli.mediaSsrc | 0), nowUs);
  }

  #takeFir(transport: EngineTransport, nowUs: number): DropReason {
    const { bytes, offset, byteLength } = this.#reader;
    if (!this.#fir.set(bytes, offset, byteLength)) return DropReason.RTCP_MALFORMED;
    this.#context.quality.count(RtcpCounter.FIR_RECEIVED);
    let reason: DropReason = DropReason.NONE;
    while (this.#fir.next()) {
      const taken = this.#requestKeyframe(transport.sendStreams.get(this.#fir.ssrc | 0), nowUs);
      if (taken !== DropReason.NONE) reason = taken;
    }
    return reason;
  }

  /**
   * A receiver cannot decode. The keyframe that answers it is merged with all others' wishes; none is needed where one
   * has just gone out and cannot have arrived yet.
   */
  #requestKeyframe(stream: ConsumerStream | undefined, nowUs: number): DropReason {
    if (stream === undefined) return DropReason.RTCP_UNKNOWN_SSRC;
    stream.keyframeRequests++;
    const rttUs = stream.transport.rttUs;
    if (rttUs > 0 && stream.lastKeyframeUs >= 0 && nowUs - stream.lastKeyframeUs < rttUs) return DropReason.NONE;
    (stream.target ?? stream.source)?.requestKeyframe(nowUs);
    return DropReason.NONE;
  }

  #takeBye(transport: EngineTransport, nowUs: number): DropReason {
    const { bytes, offset, byteLength } = this.#reader;
    if (!this.#bye.set(bytes, offset, byteLength)) return DropReason.RTCP_MALFORMED;
    for (let i = 0; i < this.#bye.ssrcCount; i++) {
      const route = transport.demux.find(this.#bye.ssrc(i) | 0);
      if (route !== undefined && !route.rtx) route.stream.stop(nowUs);
    }
    return DropReason.NONE;
  }
}
