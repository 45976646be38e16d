const CAPACITY = 8;
const MASK = CAPACITY - 1;

/**
 * What held from which frame on: for packets that come late, to which applies what applied to the rest of their frame.
 * Frame ids wrap at `bits`.
 */
export class LayerHistory {
  readonly #shift: number;
  readonly #starts = new Int32Array(CAPACITY);
  readonly #values = new Int32Array(CAPACITY);
  #count = 0;

  constructor(bits: number) {
    this.#shift = 32 - bits;
  }

  /** From frame `frameId` on, `value` holds. Newer than all before. */
  push(frameId: number, value: number): void {
    const i = this.#count++ & MASK;
    this.#starts[i] = frameId;
    this.#values[i] = value;
  }

  /** What held at `frameId`; the oldest that is remembered where that began later. Something has been pushed. */
  at(frameId: number): number {
    const oldest = Math.max(0, this.#count - CAPACITY);
    for (let n = this.#count - 1; n > oldest; n--) {
      if (((frameId - this.#starts[n & MASK]) << this.#shift) >> this.#shift >= 0) return this.#values[n & MASK];
    }
    return this.#values[oldest & MASK];
  }

  clear(): void {
    this.#count = 0;
  }
}
