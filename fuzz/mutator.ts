/** Longest input. */
export const MAX_INPUT_BYTES = 1600;

const INTERESTING = [0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 63, 64, 127, 128, 191, 192, 200, 254, 255];
const MAX_MUTATIONS = 6;
/** One input in so many is random bytes without any seed. */
const RANDOM_EACH = 16;

/** Makes inputs from valid ones, the same ones from the same seed (mulberry32). */
export class Mutator {
  #state: number;
  readonly #seeds: readonly Uint8Array[];

  constructor(seed: number, seeds: readonly Uint8Array[]) {
    this.#state = seed | 0;
    this.#seeds = seeds;
  }

  /** Writes the next input at `offset`, where MAX_INPUT_BYTES fit; returns its length. */
  next(target: Uint8Array, offset: number): number {
    if (this.#seeds.length === 0 || this.#below(RANDOM_EACH) === 0) return this.#random(target, offset);
    const seed = this.#pick();
    let length = Math.min(seed.length, MAX_INPUT_BYTES);
    for (let i = 0; i < length; i++) target[offset + i] = seed[i];
    for (let count = 1 + this.#below(MAX_MUTATIONS); count > 0; count--) length = this.#mutate(target, offset, length);
    return length;
  }

  #random(target: Uint8Array, offset: number): number {
    const length = this.#below(this.#below(8) === 0 ? 400 : 40);
    for (let i = 0; i < length; i++) target[offset + i] = this.#u32();
    return length;
  }

  #mutate(target: Uint8Array, offset: number, length: number): number {
    if (length === 0) return this.#insert(target, offset, length);
    // Headers stand in front: half of the changes go there.
    const position = offset + (this.#below(2) === 0 ? this.#below(Math.min(length, 24)) : this.#below(length));
    switch (this.#below(10)) {
      case 0:
      case 1:
        target[position] ^= 1 << this.#below(8);
        return length;
      case 2:
        target[position] = INTERESTING[this.#below(INTERESTING.length)];
        return length;
      case 3:
        target[position] = this.#u32();
        return length;
      case 4:
        target[position] += this.#below(2) === 0 ? 1 : 255;
        return length;
      case 5:
        return this.#below(length + 1);
      case 6:
        return this.#insert(target, offset, length);
      case 7:
        return this.#remove(target, offset, length);
      case 8:
        return this.#splice(target, offset, length);
      default:
        return this.#repeat(target, offset, length);
    }
  }

  /** Puts some bytes in. */
  #insert(target: Uint8Array, offset: number, length: number): number {
    const count = Math.min(1 + this.#below(8), MAX_INPUT_BYTES - length);
    const at = this.#below(length + 1);
    target.copyWithin(offset + at + count, offset + at, offset + length);
    for (let i = 0; i < count; i++) target[offset + at + i] = this.#below(2) === 0 ? this.#u32() : 0;
    return length + count;
  }

  /** Takes some bytes out. */
  #remove(target: Uint8Array, offset: number, length: number): number {
    const at = this.#below(length);
    const count = 1 + this.#below(Math.min(16, length - at));
    target.copyWithin(offset + at, offset + at + count, offset + length);
    return length - count;
  }

  /** Goes on with another seed from somewhere. */
  #splice(target: Uint8Array, offset: number, length: number): number {
    const other = this.#pick();
    const at = this.#below(length + 1);
    const from = this.#below(other.length + 1);
    const count = Math.min(other.length - from, MAX_INPUT_BYTES - at);
    for (let i = 0; i < count; i++) target[offset + at + i] = other[from + i];
    return at + count;
  }

  /** Repeats a run: blocks, items, chunks twice. */
  #repeat(target: Uint8Array, offset: number, length: number): number {
    const at = this.#below(length);
    const count = Math.min(1 + this.#below(Math.min(32, length - at)), MAX_INPUT_BYTES - length);
    target.copyWithin(offset + at + count, offset + at, offset + length);
    return length + count;
  }

  #pick(): Uint8Array {
    return this.#seeds[this.#below(this.#seeds.length)];
  }

  #below(limit: number): number {
    return limit <= 1 ? 0 : this.#u32() % limit;
  }

  #u32(): number {
    this.#state = (this.#state + 0x6d2b_79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }
}
