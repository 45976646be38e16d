/** Length field in front of each packet on a stream (RFC 4571 §2). */
export const FRAME_HEADER_BYTES = 2;

/** Takes the frames of one stream apart, however it was cut into pieces. Holds at most one partial frame. */
export class TcpFrameReader {
  readonly #partial: Uint8Array;
  #partialBytes = 0;
  readonly #maxFrameBytes: number;

  constructor(maxFrameBytes: number) {
    this.#maxFrameBytes = maxFrameBytes;
    this.#partial = new Uint8Array(FRAME_HEADER_BYTES + maxFrameBytes);
  }

  /**
   * Calls `onFrame` for each frame that is now whole, with bytes that are valid during the call; empty ones are passed
   * over (RFC 4571 §2 allows them). False where a length is beyond the limit: the stream cannot be followed any more.
   * `onFrame` returns false to stop.
   */
  push(chunk: Uint8Array, onFrame: (frame: Uint8Array) => boolean): boolean {
    let position = 0;
    while (position < chunk.length) {
      if (this.#partialBytes > 0) {
        const taken = this.#complete(chunk, position);
        if (taken < 0) return false;
        position += taken;
        const frame = this.#takeWhole();
        if (frame !== undefined && frame.length > 0 && !onFrame(frame)) return true;
        continue;
      }
      const left = chunk.length - position;
      const frameBytes = left < FRAME_HEADER_BYTES ? 0 : readLength(chunk, position);
      if (frameBytes > this.#maxFrameBytes) return false;
      const end = position + FRAME_HEADER_BYTES + frameBytes;
      if (left < FRAME_HEADER_BYTES || end > chunk.length) {
        this.#partial.set(chunk.subarray(position), 0);
        this.#partialBytes = left;
        return true;
      }
      position += FRAME_HEADER_BYTES;
      if (frameBytes > 0 && !onFrame(chunk.subarray(position, end))) return true;
      position = end;
    }
    return true;
  }

  /** Adds to the partial frame what it lacks. Returns the bytes taken, -1 where its length is beyond the limit. */
  #complete(chunk: Uint8Array, position: number): number {
    let taken = 0;
    if (this.#partialBytes < FRAME_HEADER_BYTES) {
      this.#partial[this.#partialBytes++] = chunk[position];
      taken = 1;
      if (this.#partialBytes < FRAME_HEADER_BYTES) return taken;
    }
    const frameBytes = readLength(this.#partial, 0);
    if (frameBytes > this.#maxFrameBytes) return -1;
    const missing = FRAME_HEADER_BYTES + frameBytes - this.#partialBytes;
    const from = position + taken;
    const piece = chunk.subarray(from, from + missing);
    this.#partial.set(piece, this.#partialBytes);
    this.#partialBytes += piece.length;
    return taken + piece.length;
  }

  #takeWhole(): Uint8Array | undefined {
    if (this.#partialBytes < FRAME_HEADER_BYTES) return undefined;
    const frameBytes = readLength(this.#partial, 0);
    if (this.#partialBytes < FRAME_HEADER_BYTES + frameBytes) return undefined;
    this.#partialBytes = 0;
    return this.#partial.subarray(FRAME_HEADER_BYTES, FRAME_HEADER_BYTES + frameBytes);
  }
}

function readLength(bytes: Uint8Array, offset: number): number {
  return (bytes[offset] << 8) | bytes[offset + 1];
}
