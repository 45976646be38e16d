const CAPACITY = 64;
const MASK = CAPACITY - 1;

/** Offsets of a rewritten stream, and from which incoming number on they hold. */
export interface RewriteSegment {
  sourceKey: number;
  startIn: number;
  sequenceOffset: number;
  timestampOffset: number;
  pictureIdOffset: number;
  tl0Offset: number;
  /** Picture ids of the packets left out right before it and right behind it; -1 for none. */
  leftOutBefore: number;
  leftOutBehind: number;
}

/**
 * The offsets that held in the recent past of a rewritten stream: each change of source and each intentional drop ends a
 * segment. Needed for late packets and for sending packets again.
 */
export class RewriteSegments {
  readonly #starts = new Float64Array(CAPACITY);
  readonly #sequenceOffsets = new Float64Array(CAPACITY);
  readonly #sourceKeys = new Int32Array(CAPACITY);
  readonly #timestampOffsets = new Int32Array(CAPACITY);
  readonly #pictureIdOffsets = new Int32Array(CAPACITY);
  readonly #tl0Offsets = new Int32Array(CAPACITY);
  readonly #leftOutBefore = new Int32Array(CAPACITY);
  readonly #leftOutBehind = new Int32Array(CAPACITY);
  #count = 0;

  /** These offsets end; they were the newest. */
  push(segment: RewriteSegment): void {
    const i = this.#count++ & MASK;
    this.#starts[i] = segment.startIn;
    this.#sequenceOffsets[i] = segment.sequenceOffset;
    this.#sourceKeys[i] = segment.sourceKey;
    this.#timestampOffsets[i] = segment.timestampOffset;
    this.#pictureIdOffsets[i] = segment.pictureIdOffset;
    this.#tl0Offsets[i] = segment.tl0Offset;
    this.#leftOutBefore[i] = segment.leftOutBefore;
    this.#leftOutBehind[i] = segment.leftOutBehind;
  }

  /** Reads the segment of an incoming number of the present source; false where it is older than the oldest remembered. */
  findIncoming(extSeq: number, segment: RewriteSegment): boolean {
    for (let n = this.#count - 1; n >= this.#oldest; n--) {
      if (this.#starts[n & MASK] <= extSeq) return this.#read(n & MASK, segment);
    }
    return false;
  }

  /** Reads the segment that an outgoing number was given by; false where it is older than the oldest remembered. */
  findOutgoing(number: number, segment: RewriteSegment): boolean {
    for (let n = this.#count - 1; n >= this.#oldest; n--) {
      const i = n & MASK;
      if (this.#starts[i] + this.#sequenceOffsets[i] <= number) return this.#read(i, segment);
    }
    return false;
  }

  get #oldest(): number {
    return Math.max(0, this.#count - CAPACITY);
  }

  #read(i: number, segment: RewriteSegment): true {
    segment.sourceKey = this.#sourceKeys[i];
    segment.startIn = this.#starts[i];
    segment.sequenceOffset = this.#sequenceOffsets[i];
    segment.timestampOffset = this.#timestampOffsets[i];
    segment.pictureIdOffset = this.#pictureIdOffsets[i];
    segment.tl0Offset = this.#tl0Offsets[i];
    segment.leftOutBefore = this.#leftOutBefore[i];
    segment.leftOutBehind = this.#leftOutBehind[i];
    return true;
  }
}

/**
 * Whether a frame lies in a segment with packets of it left out on either side: the receiver must see none of it. Packets
 * of a frame follow one another, so none are left out anywhere else.
 */
export function leavesOut(segment: Readonly<RewriteSegment>, pictureId: number): boolean {
  return pictureId >= 0 && (pictureId === segment.leftOutBefore || pictureId === segment.leftOutBehind);
}
