const LIMIT_US = 3_000_000;
/** Receiver reports come each 5 s at the latest (RFC 3550 §6.2), half of that later. */
const REPORT_GAP_US = 8_000_000;

/**
 * Tells when the path is overloaded or dead: the round trip above 3 s, where the time for which packets went unanswered counts
 * (libwebrtc's RttBasedBackoff). Without transport-wide feedback, a gap of 8 s between receiver reports is allowed.
 */
export class RttBackoff {
  #rttUs = 0;
  #updatedUs = Number.POSITIVE_INFINITY;
  #sentUs = Number.NEGATIVE_INFINITY;
  #byFeedback = false;

  onSent(nowUs: number): void {
    // The first packet starts the clock.
    if (this.#updatedUs === Number.POSITIVE_INFINITY) this.#updatedUs = nowUs;
    this.#sentUs = nowUs;
  }

  onFeedback(rttUs: number, nowUs: number): void {
    this.#byFeedback = true;
    this.#rttUs = rttUs;
    this.#updatedUs = nowUs;
  }

  onReport(rttUs: number, nowUs: number): void {
    if (this.#byFeedback) return;
    if (rttUs > 0) this.#rttUs = rttUs;
    this.#updatedUs = nowUs;
  }

  get exceeded(): boolean {
    const allowedUs = this.#byFeedback ? 0 : REPORT_GAP_US;
    const silenceUs = Math.max(0, this.#sentUs - this.#updatedUs - allowedUs);
    return silenceUs + this.#rttUs > LIMIT_US;
  }
}
