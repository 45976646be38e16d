/**
 * Sender's clock as its sender reports tell it (RFC 3550 §6.4.1): which NTP time an RTP timestamp means. NTP times are
 * seconds and fractions apart, since a double does not hold both exactly.
 */
export class SenderClock {
  /** Whether a report has come. */
  known = false;
  ntpSeconds = 0;
  ntpFraction = 0;
  /** RTP timestamp at that time, as int32. */
  rtpTimestamp = 0;
  /** When the report arrived, MonoUs. */
  arrivalUs = -1;

  /** Takes a report over. False where it says nothing (NTP time 0). */
  set(ntpSeconds: number, ntpFraction: number, rtpTimestamp: number, arrivalUs: number): boolean {
    if (ntpSeconds === 0 && ntpFraction === 0) return false;
    this.known = true;
    this.ntpSeconds = ntpSeconds;
    this.ntpFraction = ntpFraction;
    this.rtpTimestamp = rtpTimestamp | 0;
    this.arrivalUs = arrivalUs;
    return true;
  }

  /** Middle 32 bits of the NTP time: LSR of a report block. */
  get ntpMiddle(): number {
    return ((this.ntpSeconds << 16) | (this.ntpFraction >>> 16)) >>> 0;
  }

  /** Seconds from this report's NTP time to another's. */
  secondsUntil(other: SenderClock): number {
    return other.ntpSeconds - this.ntpSeconds + (other.ntpFraction - this.ntpFraction) / 0x1_0000_0000;
  }

  reset(): void {
    this.known = false;
    this.arrivalUs = -1;
  }
}
