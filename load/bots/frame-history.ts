/** Frames that are remembered: more than three minutes of video at 20 a second. */
const CAPACITY = 4_096;

/** The longest pause within a window of time, as somebody watching would have seen it. */
export interface FrameGap {
  /** Longest time without a new frame: from the last frame before the window where there is one, to its end where no frame ended it. */
  readonly longestMs: number;
  /** Frames within the window. */
  readonly frames: number;
  /** Whether the memory reaches back to the start of the window. */
  readonly covered: boolean;
}

/** When the last few thousand decodable frames of one published source came, over every connection that brought them. */
export class FrameHistory {
  readonly #times = new Float64Array(CAPACITY);
  #count = 0;

  /** When the newest came; -1 before the first. */
  get lastMs(): number {
    return this.#count === 0 ? -1 : this.#times[(this.#count - 1) % CAPACITY];
  }

  /** Times never go back. */
  note(nowMs: number): void {
    this.#times[this.#count % CAPACITY] = nowMs;
    this.#count += 1;
  }

  /** The longest gap from `fromMs` to `toMs`. */
  gapBetween(fromMs: number, toMs: number): FrameGap {
    const first = Math.max(0, this.#count - CAPACITY);
    let last = fromMs;
    let longestMs = 0;
    let frames = 0;
    for (let i = first; i < this.#count; i++) {
      const time = this.#times[i % CAPACITY];
      if (time > toMs) break;
      if (time >= fromMs) {
        longestMs = Math.max(longestMs, time - last);
        frames += 1;
      }
      last = time;
    }
    longestMs = Math.max(longestMs, toMs - last);
    return { longestMs, frames, covered: first === 0 || this.#times[first % CAPACITY] <= fromMs };
  }
}
