const CAPACITY = 32;
const MASK = CAPACITY - 1;

/**
 * The offsets that held in the recent past of a rewritten stream: each intentional drop starts a segment with smaller
 * offsets. Needed for late packets only.
 */
export class RewriteSegments {
  readonly #starts = new Float64Array(CAPACITY);
  readonly #sequenceOffsets = new Float64Array(CAPACITY);
  readonly #pictureIdOffsets = new Int32Array(CAPACITY);
  #count = 0;

  /** From `startExtSeq` on, these offsets hold. Starts ascend. */
  push(startExtSeq: number, sequenceOffset: number, pictureIdOffset: number): void {
    const i = this.#count & MASK;
    this.#starts[i] = startExtSeq;
    this.#sequenceOffsets[i] = sequenceOffset;
    this.#pictureIdOffsets[i] = pictureIdOffset;
    this.#count++;
  }

  /** Index of the segment that `extSeq` lies in; -1 where it is older than the oldest remembered. */
  find(extSeq: number): number {
    const oldest = Math.max(0, this.#count - CAPACITY);
    for (let n = this.#count - 1; n >= oldest; n--) {
      if (this.#starts[n & MASK] <= extSeq) return n & MASK;
    }
    return -1;
  }

  sequenceOffsetOf(index: number): number {
    return this.#sequenceOffsets[index];
  }

  pictureIdOffsetOf(index: number): number {
    return this.#pictureIdOffsets[index];
  }

  clear(): void {
    this.#count = 0;
  }
}
