/** A layer is not taken for stalled before it was silent for this long, … */
const STALL_US = 500_000;
/** … for this many of its own frame intervals (a screen that changes rarely), … */
const STALL_INTERVALS = 3;
/** … and before another layer has sent as many frames meanwhile (a source that rests is no stalled layer). */
const STALL_FRAMES = 4;
/** Weight of a new frame interval. */
const INTERVAL_WEIGHT = 0.125;

/**
 * Notices which of several layers of one source (simulcast encodings, or spatial layers of one stream) has stopped while
 * others go on: in half a second for a camera, later where frames are rare, never where all rest. Frames are counted as
 * they come, everything else happens in `check`.
 */
export class LayerActivity {
  readonly #count: number;
  readonly #lastFrameUs: Float64Array;
  readonly #intervalUs: Float64Array;
  readonly #frames: Uint32Array;
  readonly #checkedFrames: Uint32Array;
  /** Frames of the busiest other layer since the last one of this. */
  readonly #framesElsewhere: Uint32Array;

  constructor(count: number) {
    this.#count = count;
    this.#lastFrameUs = new Float64Array(count).fill(-1);
    this.#intervalUs = new Float64Array(count);
    this.#frames = new Uint32Array(count);
    this.#checkedFrames = new Uint32Array(count);
    this.#framesElsewhere = new Uint32Array(count);
  }

  /** A frame of layer `index` has begun to arrive. */
  frame(index: number, nowUs: number): void {
    const lastUs = this.#lastFrameUs[index];
    if (lastUs >= 0) {
      const intervalUs = this.#intervalUs[index];
      const newUs = nowUs - lastUs;
      this.#intervalUs[index] = intervalUs === 0 ? newUs : intervalUs + INTERVAL_WEIGHT * (newUs - intervalUs);
    }
    this.#lastFrameUs[index] = nowUs;
    this.#frames[index]++;
  }

  /** Compares what came since the last call; to be called some times a second. */
  check(): void {
    for (let i = 0; i < this.#count; i++) {
      if (this.#newFrames(i) > 0) {
        this.#framesElsewhere[i] = 0;
        continue;
      }
      let most = 0;
      for (let other = 0; other < this.#count; other++) most = Math.max(most, this.#newFrames(other));
      this.#framesElsewhere[i] += most;
    }
    this.#checkedFrames.set(this.#frames);
  }

  /** Whether layer `index` has stopped, as of the last check. */
  isStalled(index: number, nowUs: number): boolean {
    const silentUs = nowUs - this.#lastFrameUs[index];
    return (
      silentUs > STALL_US &&
      silentUs > STALL_INTERVALS * this.#intervalUs[index] &&
      this.#framesElsewhere[index] >= STALL_FRAMES
    );
  }

  /** When the last frame of a layer came; -1 for never. */
  lastFrameUs(index: number): number {
    return this.#lastFrameUs[index];
  }

  #newFrames(index: number): number {
    return (this.#frames[index] - this.#checkedFrames[index]) >>> 0;
  }
}
