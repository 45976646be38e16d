import { ntpFractionFromUnixUs, ntpSecondsFromUnixUs } from "@cation/rtp/ntp";
import { FirReader } from "@cation/rtp/rtcp-fir";
import { NackReader } from "@cation/rtp/rtcp-nack";
import { PliReader } from "@cation/rtp/rtcp-pli";
import { PayloadFeedbackFormat, RtcpReader, RtcpType, TransportFeedbackFormat } from "@cation/rtp/rtcp-reader";
import { writeSdesCname } from "@cation/rtp/rtcp-sdes";
import { writeSenderReport } from "@cation/rtp/rtcp-sender-report";
import type { RtpTimestamp, Ssrc } from "@cation/rtp/units";
import type { Clock } from "@cation/service-kit/clock";
import { BotTransport } from "./bot-transport.ts";
import { readRemoteSide, readServerOffer, writeBotOffer } from "./bot-sdp.ts";
import type { OfferedTrack } from "./bot-sdp.ts";
import type { DtlsClients } from "./dtls-clients.ts";
import type { TrackSender } from "./track-sender.ts";

const REPORT_INTERVAL_MS = 1_000;
const MAX_RTCP_BYTES = 512;
const CNAME = new TextEncoder().encode("bot");

export interface BotPublisherOptions {
  readonly clock: Clock;
  readonly dtls: DtlsClients;
  /** Of a track with simulcast one an encoding, lowest first. */
  readonly senders: readonly TrackSender[];
  readonly onLost: (error: Error) => void;
}

/** The connection on which a bot sends. */
export class BotPublisher {
  readonly senders: readonly TrackSender[];
  readonly #options: BotPublisherOptions;
  readonly #transport: BotTransport;
  readonly #rtcp = new RtcpReader();
  readonly #pli = new PliReader();
  readonly #fir = new FirReader();
  readonly #nack = new NackReader();
  #nextReportMs = 0;

  constructor(options: BotPublisherOptions) {
    this.#options = options;
    this.senders = options.senders;
    this.#transport = new BotTransport({
      clock: options.clock,
      dtls: options.dtls,
      handler: {
        onRtp: () => undefined,
        onRtcp: (bytes, offset, length) => this.#receiveRtcp(bytes, offset, length),
        onConnected: () => undefined,
        onLost: options.onLost,
      },
    });
  }

  get connected(): boolean {
    return this.#transport.connected;
  }

  /** The offer for all its tracks. */
  writeOffer(): string {
    const { fingerprint } = this.#options.dtls;
    return writeBotOffer({ credentials: this.#transport.local, fingerprint }, tracksOf(this.senders));
  }

  /** Connects to where the answer says. */
  async answer(sdp: string): Promise<void> {
    await this.#transport.connect(readRemoteSide(readServerOffer(sdp)));
  }

  /** Sends what is due. */
  tick(nowMs: number): void {
    for (const sender of this.senders) sender.tick(this.#transport, nowMs);
    if (this.connected && nowMs >= this.#nextReportMs) {
      this.#nextReportMs = nowMs + REPORT_INTERVAL_MS;
      for (const sender of this.senders) this.#report(sender, nowMs);
    }
    this.#transport.flush();
  }

  close(): Promise<void> {
    return this.#transport.close();
  }

  #report(sender: TrackSender, nowMs: number): void {
    const rtpTimestamp = sender.timestampAt(nowMs);
    if (rtpTimestamp === undefined) return;
    const unixUs = this.#options.clock.nowMs() * 1_000;
    const ssrc = sender.ssrc as Ssrc;
    const report = {
      ssrc,
      ntpSeconds: ntpSecondsFromUnixUs(unixUs),
      ntpFraction: ntpFractionFromUnixUs(unixUs),
      rtpTimestamp: rtpTimestamp as RtpTimestamp,
      packetCount: sender.packets,
      octetCount: sender.bytes,
    };
    const bytes = new Uint8Array(MAX_RTCP_BYTES);
    const end = writeSdesCname(bytes, writeSenderReport(bytes, 0, report, [], 0), ssrc, CNAME);
    if (end > 0) this.#transport.sendRtcp(bytes.subarray(0, end));
  }

  #receiveRtcp(bytes: Uint8Array, offset: number, length: number): void {
    const reader = this.#rtcp;
    if (!reader.set(bytes, offset, length)) return;
    while (reader.next()) {
      if (reader.packetType === RtcpType.PAYLOAD_FEEDBACK) this.#receivePayloadFeedback(bytes);
      else if (reader.packetType === RtcpType.TRANSPORT_FEEDBACK) this.#receiveNack(bytes);
    }
    this.#transport.flush();
  }

  #receivePayloadFeedback(bytes: Uint8Array): void {
    const { format, offset, byteLength } = this.#rtcp;
    if (format === PayloadFeedbackFormat.PLI && this.#pli.set(bytes, offset, byteLength)) {
      this.#find(this.#pli.mediaSsrc)?.requestKeyframe();
    } else if (format === PayloadFeedbackFormat.FIR && this.#fir.set(bytes, offset, byteLength)) {
      while (this.#fir.next()) this.#find(this.#fir.ssrc)?.requestKeyframe();
    }
  }

  #receiveNack(bytes: Uint8Array): void {
    const { format, offset, byteLength } = this.#rtcp;
    if (format !== TransportFeedbackFormat.NACK || !this.#nack.set(bytes, offset, byteLength)) return;
    const sender = this.#find(this.#nack.mediaSsrc);
    while (this.#nack.next()) sender?.resend(this.#transport, this.#nack.sequenceNumber);
  }

  #find(ssrc: number): TrackSender | undefined {
    return this.senders.find((sender) => sender.ssrc === ssrc >>> 0);
  }
}

/** One a mid, with the rids of its encodings. */
function tracksOf(senders: readonly TrackSender[]): OfferedTrack[] {
  const mids = new Set(senders.map(({ mid }) => mid));
  return [...mids].map((mid) => {
    const encodings = senders.filter((sender) => sender.mid === mid);
    const [{ kind, ssrc }] = encodings;
    return { mid, kind, ssrc, rids: encodings.map(({ rid }) => rid).filter((rid) => rid !== "") };
  });
}
