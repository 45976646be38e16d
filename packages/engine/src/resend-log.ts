const CAPACITY = 128;
const MASK = CAPACITY - 1;
const WORDS = 3;

/**
 * How often and when packets of a stream were sent again. Remembers the last of each 128 numbers, which is more than a
 * receiver asks for in a round trip; what is forgotten is answered once more.
 *
 * An entry is three words: low half of the extended number; times resent; time of the last, in milliseconds.
 */
export class ResendLog {
  readonly #words = new Int32Array(CAPACITY * WORDS);
  #windowUs = Number.NEGATIVE_INFINITY;
  #inWindow = 0;

  /** Whether one more packet may be sent again in this round trip, of at most `limit`. */
  take(nowUs: number, rttUs: number, limit: number): boolean {
    if (nowUs - this.#windowUs >= rttUs) {
      this.#windowUs = nowUs;
      this.#inWindow = 0;
    }
    if (this.#inWindow >= limit) return false;
    this.#inWindow++;
    return true;
  }

  /** How often the packet with this extended number was resent. */
  resendsOf(number: number): number {
    const i = (number & MASK) * WORDS;
    return this.#words[i] === (number | 0) ? this.#words[i + 1] : 0;
  }

  /** Time since the last resend of a packet that was resent. */
  sinceResentMs(number: number, nowMs: number): number {
    return (nowMs - this.#words[(number & MASK) * WORDS + 2]) | 0;
  }

  /** The packet goes out again now. */
  note(number: number, nowMs: number): void {
    const i = (number & MASK) * WORDS;
    this.#words[i + 1] = this.resendsOf(number) + 1;
    this.#words[i] = number;
    this.#words[i + 2] = nowMs;
  }
}
