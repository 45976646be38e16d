import type { SenderClock } from "./sender-clock.ts";

const NTP_FRACTIONS_PER_US = 0x1_0000_0000 / 1_000_000;

/**
 * A sender's wall clock, read once and carried on by our own: what a stream reports after it went over to another sender.
 * That one's clock is another; a receiver that plays the stream in step with the first sender's picture would be led astray.
 */
export class KeptClock {
  ntpSeconds = 0;
  ntpFraction = 0;
  readonly #startSeconds: number;
  readonly #startFraction: number;
  readonly #startUs: number;

  /** `clock` is known. */
  constructor(clock: SenderClock) {
    this.#startSeconds = clock.ntpSeconds;
    this.#startFraction = clock.ntpFraction;
    this.#startUs = clock.arrivalUs;
  }

  /** Sets the fields to the time at `nowUs`. */
  read(nowUs: number): void {
    const fraction = this.#startFraction + Math.max(0, nowUs - this.#startUs) * NTP_FRACTIONS_PER_US;
    this.ntpSeconds = (this.#startSeconds + Math.floor(fraction / 0x1_0000_0000)) >>> 0;
    this.ntpFraction = (fraction % 0x1_0000_0000) >>> 0;
  }
}
