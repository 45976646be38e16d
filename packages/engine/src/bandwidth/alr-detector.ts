const USAGE_RATIO = 0.65;
const START_RATIO = 0.8;
const STOP_RATIO = 0.5;
const WINDOW_US = 500_000;

/**
 * Tells when the application sends clearly less than the estimate allows, so that the estimate cannot be tested by what is sent:
 * the application-limited region (libwebrtc's AlrDetector). A budget of half a second, filled at 65 % of the estimate.
 */
export class AlrDetector {
  /** When the region began; -1 outside of it. */
  sinceUs = -1;

  #rateBps = 0;
  #budgetBytes = 0;
  #lastUs = -1;

  get active(): boolean {
    return this.sinceUs >= 0;
  }

  setEstimate(estimateBps: number): void {
    this.#rateBps = estimateBps * USAGE_RATIO;
    const limit = this.#limitBytes;
    this.#budgetBytes = Math.min(limit, Math.max(-limit, this.#budgetBytes));
  }

  onSent(bytes: number, nowUs: number): void {
    const limit = this.#limitBytes;
    if (limit === 0) return;
    if (this.#lastUs < 0) {
      this.#lastUs = nowUs;
      return;
    }
    const elapsedUs = Math.max(0, nowUs - this.#lastUs);
    this.#lastUs = nowUs;
    const left = Math.max(-limit, this.#budgetBytes - bytes);
    this.#budgetBytes = Math.min(limit, left + (this.#rateBps * elapsedUs) / 8_000_000);
    const ratio = this.#budgetBytes / limit;
    if (ratio > START_RATIO) {
      if (this.sinceUs < 0) this.sinceUs = nowUs;
    } else if (ratio < STOP_RATIO) {
      this.sinceUs = -1;
    }
  }

  get #limitBytes(): number {
    return (this.#rateBps * WINDOW_US) / 8_000_000;
  }
}
