/** Writes bits, most significant first, into a range that the caller has checked. */
export class BitWriter {
  /** Bits written so far. */
  position = 0;

  #target: Uint8Array = new Uint8Array(0);
  #offset = 0;

  /** Starts at `offset` of `target`. */
  set(target: Uint8Array, offset: number): void {
    this.#target = target;
    this.#offset = offset;
    this.position = 0;
  }

  /** Appends the low `count` bits (0 … 32) of `value`. */
  write(value: number, count: number): void {
    for (let i = count - 1; i >= 0; i--) {
      const index = this.#offset + (this.position >> 3);
      const shift = 7 - (this.position & 7);
      if (shift === 7) this.#target[index] = 0;
      this.#target[index] |= ((value >>> i) & 1) << shift;
      this.position++;
    }
  }
}
