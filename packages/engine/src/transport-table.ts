/** int32 words of a row: one cache line. */
export const TRANSPORT_ROW_WORDS = 16;

/** What a row holds. */
export const TransportWord = {
  HANDLE: 0,
  /** Transport-wide sequence number of the last packet that carried one, 16 bits. */
  TRANSPORT_SEQUENCE: 1,
} as const;

const INITIAL_ROWS = 16;

/** What forwarding needs of all transports of an engine: one row each. */
export class TransportTable {
  /** Another array after `open`. */
  i32: Int32Array = new Int32Array(INITIAL_ROWS * TRANSPORT_ROW_WORDS);
  #rows = 0;
  readonly #free: number[] = [];

  /** Start of a fresh row. */
  open(handle: number): number {
    const row = this.#free.pop() ?? this.#append();
    this.i32.fill(0, row, row + TRANSPORT_ROW_WORDS);
    this.i32[row + TransportWord.HANDLE] = handle;
    return row;
  }

  close(row: number): void {
    this.#free.push(row);
  }

  #append(): number {
    const row = this.#rows++ * TRANSPORT_ROW_WORDS;
    if (row === this.i32.length) {
      const larger = new Int32Array(2 * row);
      larger.set(this.i32);
      this.i32 = larger;
    }
    return row;
  }
}
