import { ABS_SEND_TIME_BYTES, readAbsSendTime } from "@cation/rtp/abs-send-time";
import { readU16 } from "@cation/rtp/byte-order";
import { writeRemb } from "@cation/rtp/rtcp-remb";
import type { TransportFeedbackWriter } from "@cation/rtp/rtcp-transport-feedback-writer";
import type { RtpPacketView } from "@cation/rtp/rtp-packet-view";
import type { SeqNum, Ssrc } from "@cation/rtp/units";
import type { EngineTransport } from "../engine-transport.ts";
import type { RtcpOutbox } from "../rtcp-outbox.ts";
import { RateWindow } from "../rate-window.ts";
import { ArrivalLog } from "./arrival-log.ts";
import { ReceiveSideEstimator } from "./receive-side-estimator.ts";

const MIN_INTERVAL_US = 50_000;
const MAX_INTERVAL_US = 250_000;
/** A report with its IP, UDP and SRTP headers, on average; reports may take a twentieth of what they report on. */
const REPORT_BITS = 8 * (20 + 8 + 10 + 30);
const REPORT_SHARE = 0.05;
const REMB_INTERVAL_US = 1_000_000;
/** A REMB that falls by more than this is sent at once. */
const REMB_DROP = 0.97;
const REMB_UPDATE_US = 50_000;
const MIN_BPS = 30_000;
const TRANSPORT_SEQUENCE_BYTES = 2;
/** Streams that a REMB names. */
const MAX_SSRCS = 255;

/** What a transport's sender was promised in SDP. */
export interface ArrivalFeedback {
  /** Ids of the extensions on packets received, 0 where there is none. */
  readonly transportCcId: number;
  readonly absSendTimeId: number;
  /** Transport-wide feedback goes before REMB where both were agreed to. */
  readonly kind: "transport-cc" | "remb";
}

/**
 * Tells one sender how its packets arrived: transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01) each 50 to
 * 250 ms, so that it takes about 5 % of the rate (libwebrtc's RemoteEstimatorProxy); or REMB each second, and at once where
 * the rate must fall.
 */
export class ArrivalReporter {
  readonly feedback: ArrivalFeedback;
  /** When `run` has something to do. */
  dueUs = Number.POSITIVE_INFINITY;

  readonly #log = new ArrivalLog();
  readonly #rate = new RateWindow();
  readonly #estimator: ReceiveSideEstimator | undefined;
  #rembBps = -1;
  #rembUs = Number.NEGATIVE_INFINITY;

  constructor(feedback: ArrivalFeedback) {
    this.feedback = feedback;
    this.#estimator = feedback.kind === "remb" ? new ReceiveSideEstimator(MIN_BPS) : undefined;
  }

  /** Takes note of a packet. */
  receive(view: RtpPacketView, arrivalUs: number, nowUs: number): void {
    this.#rate.add(view.length, nowUs);
    if (this.#estimator !== undefined) {
      const offset = view.findExtension(this.feedback.absSendTimeId);
      const timed = offset >= 0 && view.extensionBytes === ABS_SEND_TIME_BYTES;
      this.#estimator.receive(timed ? readAbsSendTime(view.bytes, offset) : -1, arrivalUs, view.length);
      this.#log.ssrc = view.ssrc | 0;
    } else {
      const offset = view.findExtension(this.feedback.transportCcId);
      if (offset < 0 || view.extensionBytes !== TRANSPORT_SEQUENCE_BYTES) return;
      this.#log.receive(readU16(view.bytes, offset) as SeqNum, view.ssrc | 0, arrivalUs);
    }
    if (this.dueUs === Number.POSITIVE_INFINITY) this.dueUs = nowUs + this.#intervalUs(nowUs);
  }

  /** Sends what is due. */
  run(transport: EngineTransport, writer: TransportFeedbackWriter, outbox: RtcpOutbox, nowUs: number): void {
    if (nowUs < this.dueUs) return;
    this.dueUs = Number.POSITIVE_INFINITY;
    if (this.#estimator !== undefined) {
      this.#sendRemb(this.#estimator, transport, outbox, nowUs);
      return;
    }
    while (this.#log.pending) {
      const start = outbox.begin(transport);
      const end = this.#log.write(writer, outbox.bytes, start, transport.localSsrc);
      if (end > start) outbox.send(transport, end);
    }
  }

  #intervalUs(nowUs: number): number {
    if (this.#estimator !== undefined) return REMB_UPDATE_US;
    const rateBps = Math.max(1, this.#rate.bps(nowUs));
    const wantedUs = (REPORT_BITS * 1_000_000) / (REPORT_SHARE * rateBps);
    return Math.min(MAX_INTERVAL_US, Math.max(MIN_INTERVAL_US, wantedUs));
  }

  #sendRemb(estimator: ReceiveSideEstimator, transport: EngineTransport, outbox: RtcpOutbox, nowUs: number): void {
    const rembBps = Math.round(estimator.update(Math.max(0, transport.rttUs), nowUs));
    if (rembBps < 0) return;
    const falls = this.#rembBps >= 0 && rembBps < REMB_DROP * this.#rembBps;
    if (!falls && nowUs - this.#rembUs < REMB_INTERVAL_US) return;
    const ssrcs: Ssrc[] = [];
    for (const producer of transport.producers) {
      for (const stream of producer.streams) if (stream.ssrc !== 0) ssrcs.push(stream.ssrc as Ssrc);
    }
    if (ssrcs.length === 0) ssrcs.push((this.#log.ssrc >>> 0) as Ssrc);
    const start = outbox.begin(transport);
    const end = writeRemb(outbox.bytes, start, transport.localSsrc, rembBps, ssrcs, Math.min(ssrcs.length, MAX_SSRCS));
    if (end < 0) return;
    this.#rembBps = rembBps;
    this.#rembUs = nowUs;
    outbox.send(transport, end);
  }
}
