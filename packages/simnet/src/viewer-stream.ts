import { compactNtp, unixUsFromNtp } from "@cation/rtp/ntp";
import type { RtpPacketView } from "@cation/rtp/rtp-packet-view";
import { timestampDelta } from "@cation/rtp/sequence";
import type { SenderReportFields } from "@cation/rtp/rtcp-sender-report";
import { DecoderModel } from "./decoder-model.ts";
import type { DecodedFrame, FrameDecoder } from "./decoder-model.ts";
import { readAudioPayload } from "./frame-payload.ts";
import { LossRecovery } from "./loss-recovery.ts";
import type { HeldPacket } from "./loss-recovery.ts";
import { RolloverEstimator } from "./srtp-index-guard.ts";
import { SvcDecoderModel } from "./svc-decoder-model.ts";

const RETRY_US = 80_000;
const VIDEO_GIVE_UP_US = 1_000_000;
const AUDIO_GIVE_UP_US = 120_000;

/** What a viewer knows of a stream from SDP. */
export interface ViewerStreamParams {
  readonly kind: "audio" | "video";
  readonly ssrc: number;
  readonly rtxSsrc: number;
  readonly payloadType: number;
  readonly rtxPayloadType: number;
  readonly nack: boolean;
  /** What video is decoded as; default VP8. */
  readonly codec?: "VP8" | "VP9" | "AV1";
  /** Id of the dependency descriptor; 0 or absent where it was not negotiated. */
  readonly descriptorId?: number;
}

/** One stream as a viewer receives it: recovery, decoding, continuity, lip sync. */
export class ViewerStream {
  readonly params: ViewerStreamParams;
  readonly recovery: LossRecovery;
  readonly decoder: FrameDecoder;
  readonly violations: string[] = [];
  /** Audio frames in order, or decoded video frames. */
  frames = 0;
  /** When the last of them came; -1 before the first. */
  lastFrameUs = -1;
  /** Longest pause between two of them. */
  longestPauseUs = 0;
  /** Frames by encoding. */
  readonly framesByEncoding: number[] = [];
  readonly framesByTemporalId: number[] = [];
  /** Largest distance between when a frame was captured and what its timestamp and the last sender report say. */
  clockErrorUs = 0;
  reports = 0;
  /** Last sender report: for LSR and DLSR. */
  lastReportNtp = 0;
  lastReportUs = -1;
  packetCountReported = 0;
  /** Packets that came by RTX: the media stream has lost them all the same. */
  repaired = 0;
  plisSent = 0;
  lastPliUs = -1;
  /** Told of each media packet as it comes. */
  onPacket: ((sequenceNumber: number, timestamp: number) => void) | undefined;

  readonly #mainRollover = new RolloverEstimator();
  readonly #rtxRollover = new RolloverEstimator();
  #clock: { readonly wallUs: number; readonly rtpTimestamp: number } | undefined;
  #wallClockUs: ((captureUs: number) => number) | undefined;
  #lastAudio: HeldPacket | undefined;

  constructor(params: ViewerStreamParams) {
    this.params = params;
    const { codec = "VP8" } = params;
    this.decoder = codec === "VP8" ? new DecoderModel() : new SvcDecoderModel(codec);
    const giveUpUs = params.kind === "video" ? VIDEO_GIVE_UP_US : AUDIO_GIVE_UP_US;
    this.recovery = new LossRecovery(params.nack, RETRY_US, giveUpUs);
  }

  /** Checks lip sync from now on; `wallClockUs` maps a capture time to the publisher's NTP clock. */
  checkClock(wallClockUs: (captureUs: number) => number): void {
    this.#wallClockUs = wallClockUs;
  }

  /** Takes an RTP packet of this stream or of its RTX; `rollover` is what it was protected with. */
  receive(view: RtpPacketView, rollover: number, nowUs: number): void {
    const rtx = view.ssrc === this.params.rtxSsrc;
    this.#checkHeader(view, rtx, rollover);
    let payload = view.bytes.slice(view.payloadOffset, view.payloadOffset + view.payloadBytes);
    let sequenceNumber: number = view.sequenceNumber;
    if (!rtx) this.onPacket?.(sequenceNumber, view.timestamp);
    if (rtx) {
      if (payload.length < 2) return;
      sequenceNumber = (payload[0] << 8) | payload[1];
      payload = payload.slice(2);
    }
    const descriptor = this.#descriptorOf(view);
    const { timestamp, marker } = view;
    const added = this.recovery.add(sequenceNumber, { timestamp, marker, payload, descriptor }, nowUs);
    if (added && rtx) this.repaired++;
    this.drain(nowUs);
  }

  /** Handles what is in order by now. */
  drain(nowUs: number): void {
    for (let packet = this.recovery.take(nowUs); packet !== undefined; packet = this.recovery.take(nowUs)) {
      if (this.params.kind === "audio") this.#takeAudio(packet, nowUs);
      else this.#takeVideo(packet, nowUs);
    }
  }

  takeReport(report: SenderReportFields, nowUs: number): void {
    this.reports++;
    this.lastReportNtp = compactNtp(report.ntpSeconds, report.ntpFraction);
    this.lastReportUs = nowUs;
    this.packetCountReported = report.packetCount;
    this.#clock = {
      wallUs: unixUsFromNtp(report.ntpSeconds, report.ntpFraction),
      rtpTimestamp: report.rtpTimestamp,
    };
  }

  #descriptorOf(view: RtpPacketView): Uint8Array | undefined {
    const offset = view.findExtension(this.params.descriptorId ?? 0);
    return offset < 0 ? undefined : view.bytes.slice(offset, offset + view.extensionBytes);
  }

  #checkHeader(view: RtpPacketView, rtx: boolean, rollover: number): void {
    const expected = rtx ? this.params.rtxPayloadType : this.params.payloadType;
    if (view.payloadType !== expected) this.violations.push(`payload type ${view.payloadType}`);
    const estimate = (rtx ? this.#rtxRollover : this.#mainRollover).estimate(view.sequenceNumber);
    if (estimate !== rollover) this.violations.push(`rollover ${rollover}, receiver takes ${estimate}`);
  }

  #takeVideo(packet: HeldPacket, nowUs: number): void {
    const frame = this.decoder.push(packet);
    if (frame === undefined) return;
    this.framesByTemporalId[frame.temporalId] = (this.framesByTemporalId[frame.temporalId] ?? 0) + 1;
    this.#frameOut(frame, nowUs);
  }

  #takeAudio(packet: HeldPacket, nowUs: number): void {
    const last = this.#lastAudio;
    if (last !== undefined && timestampDelta(packet.timestamp, last.timestamp) <= 0) {
      this.violations.push(`audio timestamp goes back at ${packet.extSeq}`);
    }
    this.#lastAudio = packet;
    const truth = readAudioPayload(packet.payload);
    if (truth === undefined) this.violations.push(`audio payload of ${packet.extSeq} is damaged`);
    else this.#frameOut({ truth, timestamp: packet.timestamp, temporalId: 0 }, nowUs);
  }

  #frameOut(frame: DecodedFrame, nowUs: number): void {
    if (this.lastFrameUs >= 0) this.longestPauseUs = Math.max(this.longestPauseUs, nowUs - this.lastFrameUs);
    this.lastFrameUs = nowUs;
    this.frames++;
    const { encoding, captureUs } = frame.truth;
    this.framesByEncoding[encoding] = (this.framesByEncoding[encoding] ?? 0) + 1;
    if (this.#clock === undefined || this.#wallClockUs === undefined) return;
    const clockRateHz = this.params.kind === "audio" ? 48_000 : 90_000;
    const ticks = timestampDelta(frame.timestamp, this.#clock.rtpTimestamp);
    const wallUs = this.#clock.wallUs + (ticks * 1_000_000) / clockRateHz;
    this.clockErrorUs = Math.max(this.clockErrorUs, Math.abs(wallUs - this.#wallClockUs(captureUs)));
  }
}
