const WINDOW = 2048;
const MASK = WINDOW - 1;

/** What the window knows of a packet. */
export const WindowState = { NEW: 0, DUPLICATE: 1, TOO_OLD: 2 } as const;
export type WindowState = (typeof WindowState)[keyof typeof WindowState];

/** Which of the last 2048 extended sequence numbers came: one bit each. */
export class ReceivedWindow {
  readonly #bits = new Uint32Array(WINDOW / 32);
  #highest = -1;

  /** Says what `extSeq` is, and remembers it where it is new. */
  add(extSeq: number): WindowState {
    if (this.#highest < 0) {
      this.#bits.fill(0);
      this.#highest = extSeq;
    } else if (extSeq > this.#highest) {
      this.#advance(extSeq);
    } else {
      if (this.#highest - extSeq >= WINDOW) return WindowState.TOO_OLD;
      if (this.has(extSeq)) return WindowState.DUPLICATE;
    }
    const bit = extSeq & MASK;
    this.#bits[bit >> 5] |= 1 << (bit & 31);
    return WindowState.NEW;
  }

  /** Whether a number inside the window came. */
  has(extSeq: number): boolean {
    const bit = extSeq & MASK;
    return (this.#bits[bit >> 5] & (1 << (bit & 31))) !== 0;
  }

  reset(): void {
    this.#highest = -1;
  }

  #advance(extSeq: number): void {
    if (extSeq - this.#highest >= WINDOW) {
      this.#bits.fill(0);
    } else {
      for (let seq = this.#highest + 1; seq < extSeq; seq++) {
        const bit = seq & MASK;
        this.#bits[bit >> 5] &= ~(1 << (bit & 31));
      }
    }
    this.#highest = extSeq;
    const bit = extSeq & MASK;
    this.#bits[bit >> 5] &= ~(1 << (bit & 31));
  }
}
