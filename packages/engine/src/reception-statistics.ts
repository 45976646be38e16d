/**
 * Loss and jitter of one received RTP stream as RFC 3550 App. A.3 and A.8 count them, and the numbers of a report block
 * (§6.4.1). Duplicates are kept away by the caller.
 */
export class ReceptionStatistics {
  /** First and highest extended sequence number; -1 before the first packet. */
  baseExtSeq = -1;
  highestExtSeq = -1;
  receivedPackets = 0;

  /** Of the last interval, 0 … 255: filled by `closeInterval`. */
  fractionLost = 0;
  /** Of the last interval; negative where packets came late. Filled by `closeInterval`. */
  intervalLost = 0;

  readonly #clockRateHz: number;
  #transit = 0;
  #jitter = 0;
  #expectedPrior = 0;
  #receivedPrior = 0;

  constructor(clockRateHz: number) {
    this.#clockRateHz = clockRateHz;
  }

  /** Counts a packet that came by itself (no repetition by RTX). */
  add(extSeq: number, rtpTimestamp: number, arrivalUs: number): void {
    if (this.baseExtSeq < 0) this.baseExtSeq = extSeq;
    if (extSeq > this.highestExtSeq) {
      this.highestExtSeq = extSeq;
      this.#addJitter(rtpTimestamp, arrivalUs);
    }
    this.receivedPackets++;
  }

  /** Interarrival jitter in RTP ticks. */
  get jitter(): number {
    return this.#jitter >>> 0;
  }

  get expectedPackets(): number {
    return this.baseExtSeq < 0 ? 0 : this.highestExtSeq - this.baseExtSeq + 1;
  }

  /** Cumulative number lost, clamped to the 24 signed bits of a report block. */
  get cumulativeLost(): number {
    const lost = this.expectedPackets - this.receivedPackets;
    return Math.max(-0x80_0000, Math.min(0x7f_ffff, lost));
  }

  /** Ends a report interval: computes `fractionLost`. */
  closeInterval(): void {
    const expected = this.expectedPackets - this.#expectedPrior;
    const lost = expected - (this.receivedPackets - this.#receivedPrior);
    this.#expectedPrior = this.expectedPackets;
    this.#receivedPrior = this.receivedPackets;
    this.intervalLost = lost;
    this.fractionLost = expected <= 0 || lost <= 0 ? 0 : Math.min(255, (lost << 8) / expected) | 0;
  }

  /** Starts anew with the next packet (RFC 3550 App. A.1, init_seq). */
  reset(): void {
    this.baseExtSeq = -1;
    this.highestExtSeq = -1;
    this.receivedPackets = 0;
    this.#expectedPrior = 0;
    this.#receivedPrior = 0;
    this.#jitter = 0;
    this.fractionLost = 0;
    this.intervalLost = 0;
  }

  #addJitter(rtpTimestamp: number, arrivalUs: number): void {
    const arrivalTicks = ((arrivalUs / 1_000_000) * this.#clockRateHz) % 0x1_0000_0000;
    const transit = (arrivalTicks - rtpTimestamp) | 0;
    if (this.receivedPackets > 0) {
      const distance = Math.abs((transit - this.#transit) | 0);
      // A pause of the sender or a jump of its clock is no jitter.
      if (distance < 5 * this.#clockRateHz) this.#jitter += (distance - this.#jitter) / 16;
    }
    this.#transit = transit;
  }
}
