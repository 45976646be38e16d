import { SEND_RECORD_BYTES } from "../send-batch.ts";
import type { SendBatch } from "../send-batch.ts";

const RECORD_WORDS = SEND_RECORD_BYTES / 4;
const INITIAL_CAPACITY = 64;
/** Of all transports of an engine: 8 MB. */
const MAX_CAPACITY = 65_536;

/** What is written into a held record when it leaves. */
export const HeldStamp = {
  NONE: 0,
  /** Transport-wide number and abs-send-time, where the record has them. */
  NUMBERS: 1,
  /** And the stream must know which: without RTX it has to send the same bytes again. */
  NUMBERS_REMEMBERED: 2,
} as const;
export type HeldStamp = (typeof HeldStamp)[keyof typeof HeldStamp];

/**
 * Records of packets that wait for their turn, of all transports of an engine. Payloads stay in their slots. Grows up to 65,536
 * records; what comes then is refused.
 */
export class HeldRecords {
  u32 = new Uint32Array(INITIAL_CAPACITY * RECORD_WORDS);
  /** Byte of the record where the element is written; 0 where there is none. */
  transportCcByte = new Uint8Array(INITIAL_CAPACITY);
  absSendTimeByte = new Uint8Array(INITIAL_CAPACITY);
  stamp = new Uint8Array(INITIAL_CAPACITY);
  count = 0;

  #free = new Int32Array(INITIAL_CAPACITY);
  #freeCount = 0;
  #used = 0;

  get capacity(): number {
    return this.stamp.length;
  }

  /** Copies a record of a batch. Returns its index; -1 where there is no room. */
  put(batch: SendBatch, record: number, transportCcByte: number, absSendTimeByte: number, stamp: HeldStamp): number {
    const index = this.#take();
    if (index < 0) return -1;
    const from = record * RECORD_WORDS;
    const to = index * RECORD_WORDS;
    for (let i = 0; i < RECORD_WORDS; i++) this.u32[to + i] = batch.u32[from + i];
    this.transportCcByte[index] = transportCcByte;
    this.absSendTimeByte[index] = absSendTimeByte;
    this.stamp[index] = stamp;
    this.count++;
    return index;
  }

  /** Copies a record back into a batch. */
  copyTo(index: number, batch: SendBatch, record: number): void {
    const from = index * RECORD_WORDS;
    const to = record * RECORD_WORDS;
    for (let i = 0; i < RECORD_WORDS; i++) batch.u32[to + i] = this.u32[from + i];
  }

  slotOf(index: number): number {
    return this.u32[index * RECORD_WORDS + 1];
  }

  generationOf(index: number): number {
    return this.u32[index * RECORD_WORDS + 2];
  }

  release(index: number): void {
    this.#free[this.#freeCount++] = index;
    this.count--;
  }

  #take(): number {
    if (this.#freeCount > 0) return this.#free[--this.#freeCount];
    if (this.#used === MAX_CAPACITY) return -1;
    if (this.#used === this.capacity) this.#grow();
    return this.#used++;
  }

  #grow(): void {
    const capacity = this.capacity * 2;
    const { u32, transportCcByte, absSendTimeByte, stamp } = this;
    const free = this.#free;
    this.u32 = new Uint32Array(capacity * RECORD_WORDS);
    this.transportCcByte = new Uint8Array(capacity);
    this.absSendTimeByte = new Uint8Array(capacity);
    this.stamp = new Uint8Array(capacity);
    this.#free = new Int32Array(capacity);
    this.u32.set(u32);
    this.transportCcByte.set(transportCcByte);
    this.absSendTimeByte.set(absSendTimeByte);
    this.stamp.set(stamp);
    this.#free.set(free);
  }
}
