import type { SubscriberOffer } from "@cation/proto/client/v1/client";
import { ReportBlock } from "@cation/rtp/report-block";
import { writeNack } from "@cation/rtp/rtcp-nack";
import { writePli } from "@cation/rtp/rtcp-pli";
import { writeReceiverReport } from "@cation/rtp/rtcp-receiver-report";
import { writeSdesCname } from "@cation/rtp/rtcp-sdes";
import { RtpPacketView } from "@cation/rtp/rtp-packet-view";
import type { Ssrc } from "@cation/rtp/units";
import type { Clock } from "@cation/service-kit/clock";
import { BotTransport } from "./bot-transport.ts";
import { readOfferedStreams, readRemoteSide, writeBotAnswer } from "./bot-sdp.ts";
import type { OfferedStream } from "./bot-sdp.ts";
import type { BotCertificate } from "./certificate.ts";
import { TrackReceiver } from "./track-receiver.ts";

const REPORT_INTERVAL_MS = 1_000;
const FEEDBACK_INTERVAL_MS = 20;
const MAX_REPORT_BLOCKS = 31;
const MAX_RTCP_BYTES = 1_200;
const CNAME = new TextEncoder().encode("bot");

export interface BotSubscriberOptions {
  readonly clock: Clock;
  readonly certificate: BotCertificate;
  readonly random: () => number;
  readonly onLost: (error: Error) => void;
}

interface Stream {
  readonly receiver: TrackReceiver;
  readonly offered: OfferedStream;
  /** Codec of the last packet, for repetitions. */
  codec: string;
}

/** The connection on which a bot receives: answers offers, counts what comes, asks again for what is lost. */
export class BotSubscriber {
  readonly #options: BotSubscriberOptions;
  readonly #transport: BotTransport;
  readonly #ssrc: Ssrc;
  readonly #view = new RtpPacketView();
  readonly #streams = new Map<number, Stream>();
  /** By track id, those that ended too. */
  readonly #receivers = new Map<string, TrackReceiver>();
  #nextReportMs = 0;
  #nextFeedbackMs = 0;

  constructor(options: BotSubscriberOptions) {
    this.#options = options;
    this.#ssrc = Math.floor(1 + options.random() * 0xffff_fffe) as Ssrc;
    this.#transport = new BotTransport({
      clock: options.clock,
      certificate: options.certificate,
      handler: {
        onRtp: (bytes, offset, length) => this.#receiveRtp(bytes, offset, length),
        onRtcp: () => undefined,
        onConnected: () => undefined,
        onLost: options.onLost,
      },
    });
  }

  /** What was received of each track, by track id. */
  get receivers(): ReadonlyMap<string, TrackReceiver> {
    return this.#receivers;
  }

  /** Answers an offer of the server; connects with the first. */
  async answer(offer: SubscriberOffer): Promise<string> {
    this.#takeStreams(offer);
    const { fingerprint } = this.#options.certificate;
    const sdp = writeBotAnswer(offer.sdp, { credentials: this.#transport.local, fingerprint });
    if (!this.#transport.connected) await this.#transport.connect(readRemoteSide(offer.sdp));
    return sdp;
  }

  /** Sends reports and feedback that are due. */
  tick(nowMs: number): void {
    if (!this.#transport.connected) return;
    if (nowMs >= this.#nextFeedbackMs) {
      this.#nextFeedbackMs = nowMs + FEEDBACK_INTERVAL_MS;
      for (const receiver of this.#activeReceivers()) this.#sendFeedback(receiver, nowMs);
    }
    if (nowMs >= this.#nextReportMs) {
      this.#nextReportMs = nowMs + REPORT_INTERVAL_MS;
      this.#sendReport();
    }
    this.#transport.flush();
  }

  close(): Promise<void> {
    return this.#transport.close();
  }

  #takeStreams(offer: SubscriberOffer): void {
    const trackIds = new Map(offer.tracks.map(({ mid, trackId }) => [mid, trackId]));
    const before = new Map(this.#streams);
    this.#streams.clear();
    for (const offered of readOfferedStreams(offer.sdp)) {
      const trackId = trackIds.get(offered.mid);
      if (trackId === undefined) continue;
      const known = before.get(offered.ssrc);
      const receiver = known?.receiver ?? new TrackReceiver(trackId, offered.kind, offered.ssrc);
      const stream: Stream = { receiver, offered, codec: known?.codec ?? "" };
      this.#receivers.set(trackId, receiver);
      this.#streams.set(offered.ssrc, stream);
      if (offered.rtxSsrc !== 0) this.#streams.set(offered.rtxSsrc, stream);
    }
  }

  #activeReceivers(): Set<TrackReceiver> {
    return new Set([...this.#streams.values()].map(({ receiver }) => receiver));
  }

  #receiveRtp(bytes: Uint8Array, offset: number, length: number): void {
    const view = this.#view;
    if (!view.set(bytes, offset, length)) return;
    const stream = this.#streams.get(view.ssrc);
    if (!stream || view.payloadBytes === 0) return;
    const payload = bytes.subarray(view.payloadOffset, view.payloadOffset + view.payloadBytes);
    const nowMs = this.#options.clock.monotonicMs();
    const codec = stream.offered.codecs.get(view.payloadType) ?? "";
    if (codec.toLowerCase() === "rtx") {
      // RFC 4588 §4: the original number stands in front.
      const original = (payload[0] << 8) | payload[1];
      stream.receiver.receive(original, view.marker, stream.codec, payload.subarray(2), nowMs);
    } else {
      stream.codec = codec;
      stream.receiver.receive(view.sequenceNumber, view.marker, codec, payload, nowMs);
    }
  }

  #sendFeedback(receiver: TrackReceiver, nowMs: number): void {
    const bytes = new Uint8Array(MAX_RTCP_BYTES);
    const lost = receiver.findNacks(nowMs).sort((a, b) => a - b);
    if (lost.length > 0) {
      const end = writeNack(bytes, 0, this.#ssrc, receiver.ssrc as Ssrc, lost, 0, lost.length);
      if (end > 0) this.#transport.sendRtcp(bytes.subarray(0, end));
    }
    if (receiver.needsKeyframe(nowMs)) {
      const end = writePli(bytes, 0, this.#ssrc, receiver.ssrc as Ssrc);
      if (end > 0) this.#transport.sendRtcp(bytes.subarray(0, end));
    }
  }

  #sendReport(): void {
    const blocks: ReportBlock[] = [];
    for (const receiver of this.#activeReceivers()) {
      if (receiver.highestSequence < 0 || blocks.length === MAX_REPORT_BLOCKS) continue;
      const block = new ReportBlock();
      block.ssrc = receiver.ssrc as Ssrc;
      block.cumulativeLost = receiver.lostPackets;
      block.highestSequence = receiver.highestSequence % 2 ** 32;
      blocks.push(block);
    }
    const bytes = new Uint8Array(MAX_RTCP_BYTES);
    const reportEnd = writeReceiverReport(bytes, 0, this.#ssrc, blocks, blocks.length);
    const end = writeSdesCname(bytes, reportEnd, this.#ssrc, CNAME);
    if (end > 0) this.#transport.sendRtcp(bytes.subarray(0, end));
  }
}
