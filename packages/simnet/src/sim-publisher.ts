import { compactNtpFromUnixUs, ntpFractionFromUnixUs, ntpSecondsFromUnixUs } from "@cation/rtp/ntp";
import { FirReader } from "@cation/rtp/rtcp-fir";
import { NackReader } from "@cation/rtp/rtcp-nack";
import { PliReader } from "@cation/rtp/rtcp-pli";
import { PayloadFeedbackFormat, RtcpReader, RtcpType, TransportFeedbackFormat } from "@cation/rtp/rtcp-reader";
import { ReceiverReportReader } from "@cation/rtp/rtcp-receiver-report";
import { ReportBlock } from "@cation/rtp/report-block";
import { writeSdesCname } from "@cation/rtp/rtcp-sdes";
import { writeSenderReport } from "@cation/rtp/rtcp-sender-report";
import type { RtpTimestamp, Ssrc } from "@cation/rtp/units";
import { writeAudioPayload } from "./frame-payload.ts";
import type { FrameSource } from "./frame-source.ts";
import { RtpSender } from "./rtp-sender.ts";
import type { SeededRandom } from "./seeded-random.ts";
import { PUBLISHER_EXTENSIONS, PUBLISHER_OPUS, publisherCodec } from "./sim-codecs.ts";
import { SvcSource } from "./svc-source.ts";
import type { SvcShape } from "./svc-source.ts";
import { VideoSource } from "./video-source.ts";
import type { VideoShape } from "./video-source.ts";
import type { VirtualClock } from "./virtual-clock.ts";

const REPORT_INTERVAL_US = 1_000_000;
const AUDIO_FRAME_US = 20_000;
/** The publisher's wall clock: microseconds since 1970 at its monotonic time 0. */
const WALL_CLOCK_START_US = 1_900_000_000_000_000;

/** What a simulated publisher sends. */
export interface PublisherOptions {
  readonly audio: boolean;
  /** One for each encoding, lowest first; empty for no video. */
  readonly video: readonly (VideoShape | SvcShape)[];
  readonly framesPerSecond: number;
  readonly rtx: boolean;
  /** Whether SDP told the ssrcs (groups SIM and FID, without rids, as old clients do); otherwise mid and rid do. */
  readonly signalsSsrcs: boolean;
}

/** One encoding on its way out. */
export interface PublishedEncoding {
  readonly rid: string;
  readonly sender: RtpSender;
  readonly source: FrameSource;
  paused: boolean;
}

/**
 * A client that publishes: VP8 (simulcast, temporal layers) and Opus, sender reports, keyframes on PLI and FIR,
 * repetitions on NACK. Reads and writes plain RTP and RTCP.
 */
export class SimPublisher {
  readonly options: PublisherOptions;
  readonly encodings: readonly PublishedEncoding[];
  readonly audio: RtpSender | undefined;
  /** When keyframe requests came, by encoding. */
  readonly keyframeRequestsUs: readonly number[][];
  nacked = 0;
  /** NACKed packets that were too old to repeat. */
  unanswered = 0;
  reportsReceived = 0;
  /** Of the last report, by ssrc. */
  readonly reportedLost = new Map<number, number>();

  readonly #clock: VirtualClock;
  readonly #send: (bytes: Uint8Array) => void;
  /** The publisher's clock is ahead of the simulation's by this. */
  readonly clockOffsetUs: number;
  #stopped = false;
  #audioFrames = 0;

  constructor(clock: VirtualClock, random: SeededRandom, options: PublisherOptions, send: (bytes: Uint8Array) => void) {
    this.#clock = clock;
    this.#send = send;
    this.options = options;
    this.clockOffsetUs = random.nextBelow(1_000_000_000);
    this.encodings = options.video.map((shape, i) => createEncoding(options, shape, i, random));
    this.audio = options.audio ? createAudio(random) : undefined;
    this.keyframeRequestsUs = options.video.map(() => []);
  }

  start(): void {
    const nowUs = this.#clock.nowUs;
    if (this.encodings.length > 0) this.#videoTick(nowUs, 0);
    if (this.audio !== undefined) this.#audioTick(nowUs, 0);
    this.#clock.after(REPORT_INTERVAL_US / 4, () => this.#reportTick());
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Time on the publisher's own monotonic clock, which captures are stamped with. */
  get localUs(): number {
    return this.#clock.nowUs + this.clockOffsetUs;
  }

  /** NTP time of a capture, as microseconds since 1970. */
  wallClockUs(localUs: number): number {
    return WALL_CLOCK_START_US + localUs;
  }

  /** RTCP from the server. */
  receive(bytes: Uint8Array): void {
    const reader = new RtcpReader();
    if (!reader.set(bytes, 0, bytes.length)) return;
    while (reader.next()) this.#take(reader);
  }

  #take(reader: RtcpReader): void {
    const { bytes, offset, byteLength, packetType, format } = reader;
    if (packetType === RtcpType.PAYLOAD_FEEDBACK && format === PayloadFeedbackFormat.PLI) {
      const pli = new PliReader();
      if (pli.set(bytes, offset, byteLength)) this.#keyframeWanted(pli.mediaSsrc);
    } else if (packetType === RtcpType.PAYLOAD_FEEDBACK && format === PayloadFeedbackFormat.FIR) {
      const fir = new FirReader();
      fir.set(bytes, offset, byteLength);
      while (fir.next()) this.#keyframeWanted(fir.ssrc);
    } else if (packetType === RtcpType.TRANSPORT_FEEDBACK && format === TransportFeedbackFormat.NACK) {
      this.#repeat(bytes, offset, byteLength);
    } else if (packetType === RtcpType.RECEIVER_REPORT) {
      this.#takeReport(bytes, offset, byteLength);
    }
  }

  #keyframeWanted(ssrc: Ssrc): void {
    for (const [i, encoding] of this.encodings.entries()) {
      if (encoding.sender.params.ssrc !== ssrc) continue;
      this.keyframeRequestsUs[i].push(this.#clock.nowUs);
      encoding.source.requestKeyframe();
    }
  }

  #repeat(bytes: Uint8Array, offset: number, length: number): void {
    const nack = new NackReader();
    if (!nack.set(bytes, offset, length)) return;
    const sender = this.encodings.find((encoding) => encoding.sender.params.ssrc === nack.mediaSsrc)?.sender;
    while (nack.next()) {
      this.nacked++;
      const packet = sender?.repeat(nack.sequenceNumber);
      if (packet === undefined) this.unanswered++;
      else this.#send(packet);
    }
  }

  #takeReport(bytes: Uint8Array, offset: number, length: number): void {
    const report = new ReceiverReportReader();
    const block = new ReportBlock();
    if (!report.set(bytes, offset, length)) return;
    for (let i = 0; i < report.blockCount; i++) {
      report.readBlock(i, block);
      this.reportsReceived++;
      this.reportedLost.set(block.ssrc, block.cumulativeLost);
    }
  }

  #videoTick(startUs: number, frame: number): void {
    if (this.#stopped) return;
    const captureUs = this.localUs;
    for (const encoding of this.encodings) {
      if (encoding.paused) continue;
      for (const { payload, marker, descriptor } of encoding.source.next(captureUs)) {
        const more = descriptor === undefined ? [] : [[PUBLISHER_EXTENSIONS.dependencyDescriptor, descriptor] as const];
        this.#send(encoding.sender.packet(payload, marker, captureUs, more));
      }
    }
    const nextUs = startUs + Math.round(((frame + 1) * 1_000_000) / this.options.framesPerSecond);
    this.#clock.at(nextUs, () => this.#videoTick(startUs, frame + 1));
  }

  #audioTick(startUs: number, frame: number): void {
    if (this.#stopped || this.audio === undefined) return;
    const captureUs = this.localUs;
    const payload = writeAudioPayload(this.#audioFrames++, captureUs, 60);
    this.#send(this.audio.packet(payload, false, captureUs));
    this.#clock.at(startUs + (frame + 1) * AUDIO_FRAME_US, () => this.#audioTick(startUs, frame + 1));
  }

  #reportTick(): void {
    if (this.#stopped) return;
    for (const { sender } of this.encodings) this.#report(sender);
    if (this.audio !== undefined) this.#report(this.audio);
    this.#clock.after(REPORT_INTERVAL_US, () => this.#reportTick());
  }

  #report(sender: RtpSender): void {
    if (sender.packets === 0) return;
    const localUs = this.localUs;
    const wallUs = this.wallClockUs(localUs);
    const bytes = new Uint8Array(200);
    const report = {
      ssrc: sender.params.ssrc as Ssrc,
      ntpSeconds: ntpSecondsFromUnixUs(wallUs),
      ntpFraction: ntpFractionFromUnixUs(wallUs),
      rtpTimestamp: sender.timestampAt(localUs) as RtpTimestamp,
      packetCount: sender.packets,
      octetCount: sender.octets,
    };
    const end = writeSenderReport(bytes, 0, report, [], 0);
    this.#send(bytes.slice(0, writeSdesCname(bytes, end, report.ssrc, Uint8Array.of(0x70, 0x75, 0x62))));
  }
}

/** Middle 32 bits of the publisher's NTP time, for checks. */
export function publisherCompactNtp(publisher: SimPublisher): number {
  return compactNtpFromUnixUs(publisher.wallClockUs(publisher.localUs));
}

function createEncoding(
  options: PublisherOptions,
  shape: VideoShape | SvcShape,
  index: number,
  random: SeededRandom,
): PublishedEncoding {
  const rid = options.video.length > 1 && !options.signalsSsrcs ? ["q", "h", "f"][index] : "";
  const text = new TextEncoder();
  const mid = [PUBLISHER_EXTENSIONS.mid, text.encode("v")] as const;
  const ridElement = [PUBLISHER_EXTENSIONS.rid, text.encode(rid)] as const;
  const repairedElement = [PUBLISHER_EXTENSIONS.repairedRid, text.encode(rid)] as const;
  const codec = publisherCodec(codecOf(shape));
  const params = {
    ssrc: random.nextUint32() | 1,
    payloadType: codec.payloadType,
    rtxSsrc: options.rtx ? (random.nextUint32() | 1) >>> 0 : 0,
    rtxPayloadType: options.rtx ? codec.rtxPayloadType : 0,
    clockRateHz: 90_000,
    extensions: rid === "" ? [mid] : [mid, ridElement],
    rtxExtensions: rid === "" ? [mid] : [mid, repairedElement],
  };
  const sender = new RtpSender({ ...params, ssrc: params.ssrc >>> 0 }, random);
  const source = "codec" in shape ? new SvcSource(index, shape, random) : new VideoSource(index, shape, random);
  return { rid, sender, source, paused: false };
}

/** What an encoding of this shape is sent in. */
export function codecOf(shape: VideoShape | SvcShape): "VP8" | "VP9" | "AV1" {
  return "codec" in shape ? shape.codec : "VP8";
}

function createAudio(random: SeededRandom): RtpSender {
  const params = {
    ssrc: (random.nextUint32() | 1) >>> 0,
    payloadType: PUBLISHER_OPUS.payloadType,
    rtxSsrc: 0,
    rtxPayloadType: 0,
    clockRateHz: 48_000,
    extensions: [[PUBLISHER_EXTENSIONS.mid, new TextEncoder().encode("a")] as const],
    rtxExtensions: [],
  };
  return new RtpSender(params, random);
}
