import type { EngineConfig } from "./engine-config.ts";

const BACKOFF = 1.5;

/**
 * Which packets of a stream are missing, and when to ask for them (RFC 4585 §6.2.1): not before reordering is ruled out,
 * again after a round trip with backoff, a limited number of times, and not for ever.
 */
export class NackGenerator {
  readonly #config: EngineConfig;
  /** Missing numbers, ascending, in the first `#count` places; the other columns go along. */
  readonly #extSeqs: Float64Array;
  readonly #missingSinceUs: Float64Array;
  readonly #askedUs: Float64Array;
  readonly #nextUs: Float64Array;
  readonly #tries: Uint8Array;
  #count = 0;
  #dueUs = Number.POSITIVE_INFINITY;
  /** Round trip to the sender, measured by how long answers take. */
  #rttUs = 100_000;
  /** Numbers that were given up. */
  expired = 0;
  /** Numbers asked for, repetitions counted. */
  requested = 0;

  constructor(config: EngineConfig) {
    this.#config = config;
    this.#extSeqs = new Float64Array(config.nackCapacity);
    this.#missingSinceUs = new Float64Array(config.nackCapacity);
    this.#askedUs = new Float64Array(config.nackCapacity);
    this.#nextUs = new Float64Array(config.nackCapacity);
    this.#tries = new Uint8Array(config.nackCapacity);
  }

  get missing(): number {
    return this.#count;
  }

  get rttUs(): number {
    return this.#rttUs;
  }

  /** When `collect` may have something; infinite where nothing is missing. */
  get dueUs(): number {
    return this.#dueUs;
  }

  /**
   * The numbers from `first` to `last` did not come before a later one. False when more are missing than can be
   * remembered: all are forgotten, and a keyframe is the better request.
   */
  addGap(first: number, last: number, nowUs: number): boolean {
    if (this.#count + (last - first + 1) > this.#config.nackCapacity) {
      this.expired += this.#count + (last - first + 1);
      this.clear();
      return false;
    }
    for (let extSeq = first; extSeq <= last; extSeq++) {
      const i = this.#count++;
      this.#extSeqs[i] = extSeq;
      this.#missingSinceUs[i] = nowUs;
      this.#nextUs[i] = nowUs + this.#config.nackDelayUs;
      this.#tries[i] = 0;
    }
    this.#dueUs = Math.min(this.#dueUs, nowUs + this.#config.nackDelayUs);
    return true;
  }

  /** Enough later packets have come to rule out reordering: what has not been asked for yet is due. */
  advance(highestExtSeq: number, nowUs: number): void {
    for (let i = this.#count - 1; i >= 0; i--) {
      if (this.#tries[i] > 0) return;
      if (highestExtSeq - this.#extSeqs[i] < this.#config.nackReorderPackets) continue;
      if (this.#nextUs[i] <= nowUs) return;
      this.#nextUs[i] = nowUs;
      this.#dueUs = Math.min(this.#dueUs, nowUs);
    }
  }

  /** A missing packet came. */
  received(extSeq: number, nowUs: number): void {
    const index = this.#indexOf(extSeq);
    if (index < 0) return;
    if (this.#tries[index] === 1) {
      const sampleUs = Math.min(1_000_000, Math.max(1_000, nowUs - this.#askedUs[index]));
      this.#rttUs += (sampleUs - this.#rttUs) / 8;
    }
    this.#remove(index);
    if (this.#count === 0) this.#dueUs = Number.POSITIVE_INFINITY;
  }

  /**
   * Writes the numbers to ask for now (low 16 bits, ascending) into `target` and returns how many; what does not fit
   * stays due. Gives up what was asked for too often or is too old.
   */
  collect(nowUs: number, target: Uint16Array): number {
    if (nowUs < this.#dueUs) return 0;
    this.#expire(nowUs);
    let found = 0;
    let dueUs = Number.POSITIVE_INFINITY;
    for (let i = 0; i < this.#count; i++) {
      if (this.#nextUs[i] <= nowUs && found < target.length) {
        target[found++] = this.#extSeqs[i];
        this.#tries[i]++;
        this.#askedUs[i] = nowUs;
        this.#nextUs[i] = nowUs + this.#waitUs(this.#tries[i]);
      }
      if (this.#nextUs[i] < dueUs) dueUs = this.#nextUs[i];
    }
    this.#dueUs = dueUs;
    this.requested += found;
    return found;
  }

  /** Forgets all missing numbers: the stream started anew. */
  clear(): void {
    this.#count = 0;
    this.#dueUs = Number.POSITIVE_INFINITY;
  }

  #waitUs(tries: number): number {
    return Math.max(this.#config.nackDelayUs, this.#rttUs) * BACKOFF ** (tries - 1);
  }

  #expire(nowUs: number): void {
    let kept = 0;
    for (let i = 0; i < this.#count; i++) {
      const old = nowUs - this.#missingSinceUs[i] > this.#config.nackMaxAgeUs;
      const tired = this.#tries[i] >= this.#config.nackRetries && this.#nextUs[i] <= nowUs;
      if (old || tired) {
        this.expired++;
        continue;
      }
      if (kept !== i) this.#move(i, kept);
      kept++;
    }
    this.#count = kept;
  }

  #indexOf(extSeq: number): number {
    let low = 0;
    let high = this.#count - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const found = this.#extSeqs[middle];
      if (found === extSeq) return middle;
      if (found < extSeq) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }

  #remove(index: number): void {
    this.#count--;
    for (let i = index; i < this.#count; i++) this.#move(i + 1, i);
  }

  #move(from: number, to: number): void {
    this.#extSeqs[to] = this.#extSeqs[from];
    this.#missingSinceUs[to] = this.#missingSinceUs[from];
    this.#askedUs[to] = this.#askedUs[from];
    this.#nextUs[to] = this.#nextUs[from];
    this.#tries[to] = this.#tries[from];
  }
}
