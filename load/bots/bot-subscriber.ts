import type { SubscriberOffer } from "@cation/proto/client/v1/client";
import { compactNtp } from "@cation/rtp/ntp";
import { ReportBlock } from "@cation/rtp/report-block";
import { writeNack } from "@cation/rtp/rtcp-nack";
import { writePli } from "@cation/rtp/rtcp-pli";
import { RtcpReader, RtcpType } from "@cation/rtp/rtcp-reader";
import { writeReceiverReport } from "@cation/rtp/rtcp-receiver-report";
import { writeSdesCname } from "@cation/rtp/rtcp-sdes";
import { SenderReportReader } from "@cation/rtp/rtcp-sender-report";
import type { TransportFeedbackWriter } from "@cation/rtp/rtcp-transport-feedback-writer";
import { RtpPacketView } from "@cation/rtp/rtp-packet-view";
import type { Ssrc } from "@cation/rtp/units";
import type { Clock } from "@cation/service-kit/clock";
import { BotTransport } from "./bot-transport.ts";
import { readOfferedStreams, readRemoteSide, readServerOffer, readTransportWideId, writeBotAnswer } from "./bot-sdp.ts";
import type { OfferedStream, ServerOffer } from "./bot-sdp.ts";
import type { DtlsClients } from "./dtls-clients.ts";
import type { FrameHistory } from "./frame-history.ts";
import { TrackReceiver } from "./track-receiver.ts";
import { TransportFeedback } from "./transport-feedback.ts";

const REPORT_INTERVAL_MS = 1_000;
const FEEDBACK_INTERVAL_MS = 20;
const TRANSPORT_FEEDBACK_INTERVAL_MS = 100;
const MAX_REPORT_BLOCKS = 31;
const MAX_RTCP_BYTES = 1_200;
const CNAME = new TextEncoder().encode("bot");

export interface BotSubscriberOptions {
  readonly clock: Clock;
  readonly dtls: DtlsClients;
  /** Shared by the bots of a process. */
  readonly feedbackWriter: TransportFeedbackWriter;
  readonly random: () => number;
  /** Where the frames of a track are noted. */
  readonly historyOf: (trackId: string) => FrameHistory;
  readonly onLost: (error: Error) => void;
}

interface Stream {
  readonly receiver: TrackReceiver;
  readonly offered: OfferedStream;
  /** Codec of the last packet, for repetitions. */
  codec: string;
  /** Of the last sender report: its NTP time, compact, and when it came; 0 before. */
  lastSenderReport: number;
  lastSenderReportAtMs: number;
}

/** The connection on which a bot receives: answers offers, counts what comes, asks again for what is lost. */
export class BotSubscriber {
  readonly #options: BotSubscriberOptions;
  readonly #transport: BotTransport;
  readonly #ssrc: Ssrc;
  readonly #view = new RtpPacketView();
  readonly #rtcp = new RtcpReader();
  readonly #senderReport = new SenderReportReader();
  readonly #feedback: TransportFeedback;
  readonly #rtcpBytes = new Uint8Array(MAX_RTCP_BYTES);
  readonly #streams = new Map<number, Stream>();
  /** Those of the newest offer, each once. */
  #active: readonly Stream[] = [];
  /** By track id, those that ended too. */
  readonly #receivers = new Map<string, TrackReceiver>();
  #transportWideId = 0;
  #nextReportMs = 0;
  #nextFeedbackMs = 0;
  #nextTransportFeedbackMs = 0;
  #connectedAtMs: number | undefined;

  constructor(options: BotSubscriberOptions) {
    this.#options = options;
    this.#ssrc = Math.floor(1 + options.random() * 0xffff_fffe) as Ssrc;
    this.#feedback = new TransportFeedback(options.feedbackWriter);
    this.#transport = new BotTransport({
      clock: options.clock,
      dtls: options.dtls,
      handler: {
        onRtp: (bytes, offset, length, arrivalUs) => this.#receiveRtp(bytes, offset, length, arrivalUs),
        onRtcp: (bytes, offset, length, arrivalUs) => this.#receiveRtcp(bytes, offset, length, arrivalUs / 1_000),
        onConnected: () => (this.#connectedAtMs = options.clock.monotonicMs()),
        onLost: options.onLost,
      },
    });
  }

  /** What was received of each track, by track id. */
  get receivers(): ReadonlyMap<string, TrackReceiver> {
    return this.#receivers;
  }

  /** What is received of each track that the server sends now. */
  get activeReceivers(): readonly TrackReceiver[] {
    return this.#active.map(({ receiver }) => receiver);
  }

  /** When media could first be received; undefined before. */
  get connectedAtMs(): number | undefined {
    return this.#connectedAtMs;
  }

  /** Answers an offer of the server; connects with the first, and anew where the server restarts ICE. */
  async answer({ sdp, tracks }: SubscriberOffer): Promise<string> {
    const offer = readServerOffer(sdp);
    this.#takeStreams(offer, new Map(tracks.map(({ mid, trackId }) => [mid, trackId])));
    const { fingerprint } = this.#options.dtls;
    const answer = writeBotAnswer(offer, { credentials: this.#transport.local, fingerprint });
    if (!this.#transport.connected) await this.#transport.connect(readRemoteSide(offer));
    return answer;
  }

  /** Sends reports and feedback that are due. */
  tick(nowMs: number): void {
    if (nowMs < this.#nextFeedbackMs || !this.#transport.connected) return;
    this.#nextFeedbackMs = nowMs + FEEDBACK_INTERVAL_MS;
    for (const { receiver } of this.#active) {
      if (receiver.wantsFeedback) this.#sendFeedback(receiver, nowMs);
    }
    if (this.#transportWideId !== 0 && nowMs >= this.#nextTransportFeedbackMs) {
      this.#nextTransportFeedbackMs = nowMs + TRANSPORT_FEEDBACK_INTERVAL_MS;
      this.#sendTransportFeedback();
    }
    if (nowMs >= this.#nextReportMs) {
      this.#nextReportMs = nowMs + REPORT_INTERVAL_MS;
      this.#sendReport(nowMs);
    }
    this.#transport.flush();
  }

  close(): Promise<void> {
    return this.#transport.close();
  }

  #takeStreams(offer: ServerOffer, trackIds: ReadonlyMap<string, string>): void {
    const before = new Map(this.#streams);
    const active: Stream[] = [];
    this.#streams.clear();
    this.#transportWideId = readTransportWideId(offer);
    for (const offered of readOfferedStreams(offer)) {
      const trackId = trackIds.get(offered.mid);
      if (trackId === undefined) continue;
      const known = before.get(offered.ssrc);
      const isSame = known?.receiver.trackId === trackId;
      const stream: Stream = {
        receiver: isSame ? known.receiver : this.#openReceiver(trackId, offered),
        offered,
        codec: known?.codec ?? "",
        lastSenderReport: known?.lastSenderReport ?? 0,
        lastSenderReportAtMs: known?.lastSenderReportAtMs ?? 0,
      };
      active.push(stream);
      this.#streams.set(offered.ssrc, stream);
      if (offered.rtxSsrc !== 0) this.#streams.set(offered.rtxSsrc, stream);
    }
    this.#active = active;
  }

  #openReceiver(trackId: string, { kind, ssrc }: OfferedStream): TrackReceiver {
    const receiver = new TrackReceiver(trackId, kind, ssrc, this.#options.historyOf(trackId));
    this.#receivers.set(trackId, receiver);
    return receiver;
  }

  #receiveRtp(bytes: Uint8Array, offset: number, length: number, arrivalUs: number): void {
    const view = this.#view;
    if (!view.set(bytes, offset, length)) return;
    if (this.#transportWideId !== 0) this.#noteTransportWide(view, arrivalUs);
    const stream = this.#streams.get(view.ssrc);
    if (!stream) return;
    const start = view.payloadOffset;
    const end = start + view.payloadBytes;
    const codec = stream.offered.codecs.get(view.payloadType) ?? "";
    const { receiver } = stream;
    const { timestamp, marker } = view;
    const nowMs = arrivalUs / 1_000;
    if (codec === "rtx") {
      // RFC 4588 §4: the original number stands in front. Without one it is padding.
      if (end - start < 2) return;
      const original = (bytes[start] << 8) | bytes[start + 1];
      receiver.receive(original, timestamp, marker, stream.codec, bytes, start + 2, end, nowMs, true);
    } else {
      if (end > start) stream.codec = codec;
      receiver.receive(view.sequenceNumber, timestamp, marker, codec, bytes, start, end, nowMs);
    }
  }

  #noteTransportWide(view: RtpPacketView, arrivalUs: number): void {
    const at = view.findExtension(this.#transportWideId);
    if (at >= 0) this.#feedback.receive((view.bytes[at] << 8) | view.bytes[at + 1], arrivalUs);
  }

  #receiveRtcp(bytes: Uint8Array, offset: number, length: number, nowMs: number): void {
    const reader = this.#rtcp;
    const report = this.#senderReport;
    if (!reader.set(bytes, offset, length)) return;
    while (reader.next()) {
      if (reader.packetType !== RtcpType.SENDER_REPORT) continue;
      if (!report.set(bytes, reader.offset, reader.byteLength)) continue;
      const stream = this.#streams.get(report.ssrc);
      if (!stream) continue;
      stream.lastSenderReport = compactNtp(report.ntpSeconds, report.ntpFraction);
      stream.lastSenderReportAtMs = nowMs;
    }
  }

  #sendFeedback(receiver: TrackReceiver, nowMs: number): void {
    const bytes = this.#rtcpBytes;
    const lost = receiver.findNacks(nowMs);
    if (lost.length > 0) {
      const sorted = [...lost].sort((a, b) => a - b);
      const end = writeNack(bytes, 0, this.#ssrc, receiver.ssrc as Ssrc, sorted, 0, sorted.length);
      if (end > 0) this.#transport.sendRtcp(bytes.subarray(0, end));
    }
    if (receiver.needsKeyframe(nowMs)) {
      const end = writePli(bytes, 0, this.#ssrc, receiver.ssrc as Ssrc);
      if (end > 0) this.#transport.sendRtcp(bytes.subarray(0, end));
    }
  }

  #sendTransportFeedback(): void {
    const mediaSsrc = (this.#active[0]?.receiver.ssrc ?? 0) as Ssrc;
    const end = this.#feedback.write(this.#rtcpBytes, this.#ssrc, mediaSsrc);
    if (end > 0) this.#transport.sendRtcp(this.#rtcpBytes.subarray(0, end));
  }

  #sendReport(nowMs: number): void {
    const blocks: ReportBlock[] = [];
    for (const stream of this.#active) {
      const { receiver } = stream;
      if (receiver.highestSequence < 0 || blocks.length === MAX_REPORT_BLOCKS) continue;
      const block = new ReportBlock();
      block.ssrc = receiver.ssrc as Ssrc;
      block.fractionLost = receiver.takeFractionLost();
      block.cumulativeLost = receiver.lostPackets;
      block.highestSequence = receiver.highestSequence % 2 ** 32;
      block.jitter = receiver.jitter;
      if (stream.lastSenderReport !== 0) {
        block.lastSenderReport = stream.lastSenderReport;
        block.delaySinceLastSenderReport = Math.round((nowMs - stream.lastSenderReportAtMs) * 65.536) >>> 0;
      }
      blocks.push(block);
    }
    const bytes = this.#rtcpBytes;
    const reportEnd = writeReceiverReport(bytes, 0, this.#ssrc, blocks, blocks.length);
    const end = writeSdesCname(bytes, reportEnd, this.#ssrc, CNAME);
    if (end > 0) this.#transport.sendRtcp(bytes.subarray(0, end));
  }
}
