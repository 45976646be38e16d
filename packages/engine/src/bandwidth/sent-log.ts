import { TRANSPORT_ROW_WORDS, TransportWord } from "../transport-table.ts";
import type { TransportTable } from "../transport-table.ts";

/** Entries that a transport may have. */
const CAPACITY = 64;
const ENTRY_WORDS = 4;
const LOG_WORDS = CAPACITY * ENTRY_WORDS;
const INITIAL_LOGS = 16;

/** What takes the entries of one transport, oldest first. */
export interface SentLogReader {
  onSent(token: number, bytes: number, sentUs: number): void;
}

/**
 * What completions say of sent packets, until the transport's estimator is asked: a packet that has left costs one line of
 * memory, and estimators read dozens of packets at once while their own memory is near.
 *
 * An entry is four words: token, bytes on the wire, and the time of sending as a double.
 */
export class SentLog {
  readonly #table: TransportTable;
  #i32 = new Int32Array(INITIAL_LOGS * LOG_WORDS);
  #f64 = new Float64Array(this.#i32.buffer);

  constructor(table: TransportTable) {
    this.#table = table;
  }

  /** Keeps what is added for the transport in this row, from now on. */
  open(row: number): void {
    this.#table.i32[row + TransportWord.LOGS_SENT] = 1;
    const needed = (row / TRANSPORT_ROW_WORDS + 1) * LOG_WORDS;
    if (needed > this.#i32.length) this.#grow(needed);
  }

  /** A packet has left. False where the log is full now: it is to be read. */
  add(row: number, token: number, bytes: number, sentUs: number): boolean {
    const { i32 } = this.#table;
    const count = i32[row + TransportWord.LOGGED];
    const entry = (row / TRANSPORT_ROW_WORDS) * LOG_WORDS + count * ENTRY_WORDS;
    this.#i32[entry] = token;
    this.#i32[entry + 1] = bytes;
    this.#f64[(entry >> 1) + 1] = sentUs;
    i32[row + TransportWord.LOGGED] = count + 1;
    return count + 1 < CAPACITY;
  }

  /** Hands all entries over and forgets them. */
  read(row: number, reader: SentLogReader): void {
    const { i32 } = this.#table;
    const count = i32[row + TransportWord.LOGGED];
    i32[row + TransportWord.LOGGED] = 0;
    const start = (row / TRANSPORT_ROW_WORDS) * LOG_WORDS;
    for (let i = 0; i < count; i++) {
      const entry = start + i * ENTRY_WORDS;
      reader.onSent(this.#i32[entry] >>> 0, this.#i32[entry + 1], this.#f64[(entry >> 1) + 1]);
    }
  }

  #grow(needed: number): void {
    const larger = new Int32Array(Math.max(needed, 2 * this.#i32.length));
    larger.set(this.#i32);
    this.#i32 = larger;
    this.#f64 = new Float64Array(larger.buffer);
  }
}
