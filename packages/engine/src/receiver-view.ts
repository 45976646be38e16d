import type { ReportBlock } from "@cation/rtp/report-block";

const REMEMBERED_REPORTS = 4;

/** What the receiver of one outgoing stream says about it (RFC 3550 §6.4). */
export class ReceiverView {
  /** Cumulative; -1 before the first report, like all of these. */
  lostPackets = -1;
  /** Of the last interval, 0 … 1. */
  fractionLost = -1;
  /** In RTP ticks. */
  jitter = -1;
  rttUs = -1;
  /** Extended highest number that the receiver has, in its own count of cycles. */
  highestSequence = -1;

  /** Middle 32 bits of the NTP time of the last sender reports, and when they were sent. */
  readonly #reportNtp = new Uint32Array(REMEMBERED_REPORTS);
  readonly #reportSentUs = new Float64Array(REMEMBERED_REPORTS);
  #reports = 0;

  /** A sender report with this NTP time (middle 32 bits) goes out. */
  reportSent(ntpMiddle: number, nowUs: number): void {
    const i = this.#reports++ % REMEMBERED_REPORTS;
    this.#reportNtp[i] = ntpMiddle;
    this.#reportSentUs[i] = nowUs;
  }

  /** Takes a report block over. True where it gave a round trip. */
  update(block: ReportBlock, nowUs: number): boolean {
    this.lostPackets = block.cumulativeLost;
    this.fractionLost = block.fractionLost / 256;
    this.jitter = block.jitter;
    this.highestSequence = block.highestSequence;
    return this.#updateRoundTrip(block, nowUs);
  }

  /**
   * The NTP times we send are the publisher's, so the round trip is taken from when the report was sent, not from what it
   * said.
   */
  #updateRoundTrip(block: ReportBlock, nowUs: number): boolean {
    if (block.lastSenderReport === 0) return false;
    for (let i = 0; i < Math.min(this.#reports, REMEMBERED_REPORTS); i++) {
      if (this.#reportNtp[i] !== block.lastSenderReport) continue;
      const delayUs = (block.delaySinceLastSenderReport * 1_000_000) / 0x1_0000;
      const sampleUs = nowUs - this.#reportSentUs[i] - delayUs;
      if (sampleUs < 0) return false;
      this.rttUs = this.rttUs < 0 ? sampleUs : this.rttUs + (sampleUs - this.rttUs) / 8;
      return true;
    }
    return false;
  }
}
