/** Folds what a parser read into one number (FNV-1a over 32-bit words), and checks that it is sane. */
export class Digest {
  #value = 0;
  #start = 0;
  #end = 0;

  /** Starts anew, for an input at [start, end). */
  start(start: number, end: number): void {
    this.#value = 0x811c_9dc5 | 0;
    this.#start = start;
    this.#end = end;
  }

  /** Takes in a number; anything that is no finite number came from outside the input. */
  number(value: number): void {
    if (!Number.isFinite(value)) throw new Error(`read ${value}`);
    this.#fold(value | 0);
    if (value > 0x7fff_ffff || value < -0x8000_0000) this.#fold(Math.floor(value / 0x1_0000_0000) | 0);
  }

  flag(value: boolean): void {
    this.#fold(value ? 1 : 2);
  }

  /** Takes in a range and its bytes; throws where it is not inside the input. */
  range(bytes: Uint8Array, offset: number, length: number): void {
    this.number(offset - this.#start);
    this.number(length);
    if (length < 0 || offset < this.#start || offset + length > this.#end) {
      throw new Error(`range ${offset - this.#start}+${length} of an input of ${this.#end - this.#start} bytes`);
    }
    // The ends suffice to notice bytes from elsewhere; the middle costs too much.
    if (length > 0) this.#fold(bytes[offset] | (bytes[offset + length - 1] << 8));
  }

  /** Takes in the offset of one field; -1 says that there is none. */
  offset(offset: number, length: number): void {
    if (offset === -1) this.#fold(3);
    else if (offset < this.#start || offset + length > this.#end) throw new Error(`field at ${offset - this.#start}`);
    else this.number(offset - this.#start);
  }

  /** Never 0, which stands for a refused input. */
  get value(): number {
    return this.#value === 0 ? 1 : this.#value;
  }

  #fold(word: number): void {
    this.#value = Math.imul(this.#value ^ word, 0x0100_0193);
  }
}
