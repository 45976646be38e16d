/** int32 words of a row: one cache line. */
export const TRANSPORT_ROW_WORDS = 16;

/** What a row holds in words. */
export const TransportWord = {
  HANDLE: 0,
  /** Transport-wide sequence number of the last packet that carried one, 16 bits. */
  TRANSPORT_SEQUENCE: 1,
  /** Whether sent packets are noted in the SentLog, and how many are there. */
  LOGS_SENT: 10,
  LOGGED: 11,
} as const;

/** What a row holds in doubles, in units of eight bytes. */
export const TransportDouble = {
  /** What completions have counted: RTP, RTX and RTCP. */
  SENT_PACKETS: 6,
  SENT_BYTES: 7,
  /** What pacing needs (see PacingBudget): bytes sent beyond what the pacing rate gave until PAID_US. */
  DEBT_BYTES: 1,
  PAID_US: 2,
  BYTES_PER_US: 3,
  /** Debt up to which a packet may leave at once; 0: not paced; negative: all wait. */
  LIMIT_BYTES: 4,
} as const;

const INITIAL_ROWS = 16;
const HANDLE_MASK = 0xffff;

/** What forwarding needs of all transports of an engine: one row each. */
export class TransportTable {
  /** The same memory in two views; others after `open`. */
  i32: Int32Array = new Int32Array(INITIAL_ROWS * TRANSPORT_ROW_WORDS);
  f64: Float64Array = new Float64Array(this.i32.buffer);
  #rows = 0;
  readonly #free: number[] = [];
  /** Row of the handle that was looked up last, by its low half. Handles of an I/O backend differ in that. */
  readonly #found = new Int32Array(HANDLE_MASK + 1);
  readonly #rowOfHandle = new Map<number, number>();

  /** Start of a fresh row. */
  open(handle: number): number {
    const row = this.#free.pop() ?? this.#append();
    this.i32.fill(0, row, row + TRANSPORT_ROW_WORDS);
    this.i32[row + TransportWord.HANDLE] = handle;
    this.#rowOfHandle.set(handle, row);
    return row;
  }

  close(row: number): void {
    this.#rowOfHandle.delete(this.i32[row + TransportWord.HANDLE]);
    this.i32[row + TransportWord.HANDLE] = 0;
    this.#free.push(row);
  }

  /** Start of the row of an open transport; -1 for none. */
  rowOf(handle: number): number {
    const found = this.#found[handle & HANDLE_MASK];
    if (this.i32[found + TransportWord.HANDLE] === handle) return found;
    const row = this.#rowOfHandle.get(handle);
    if (row === undefined) return -1;
    this.#found[handle & HANDLE_MASK] = row;
    return row;
  }

  #append(): number {
    const row = this.#rows++ * TRANSPORT_ROW_WORDS;
    if (row === this.i32.length) {
      const larger = new Int32Array(2 * row);
      larger.set(this.i32);
      this.i32 = larger;
      this.f64 = new Float64Array(larger.buffer);
    }
    return row;
  }
}
