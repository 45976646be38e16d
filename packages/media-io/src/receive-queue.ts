import { RECEIVE_RECORD_BYTES, ReceiveBatch } from "@cation/engine/receive-batch";

/** Records of one delivery. */
const CAPACITY = 256;

/** Received packets on their way to the handler. Two batches change places, as in {@link CompletionQueue}. */
export class ReceiveQueue {
  #filling = new ReceiveBatch(CAPACITY);
  #delivering = new ReceiveBatch(CAPACITY);

  get empty(): boolean {
    return this.#filling.count === 0;
  }

  /** Whether the batch must be taken before the next `push`. */
  get full(): boolean {
    return this.#filling.count === CAPACITY;
  }

  push(transport: number, slot: number, generation: number, length: number, kind: number, arrivalUs: number): void {
    const batch = this.#filling;
    const start = batch.count * RECEIVE_RECORD_BYTES;
    batch.u32[start >>> 2] = transport;
    batch.u32[(start + 4) >>> 2] = slot;
    batch.u32[(start + 8) >>> 2] = generation;
    batch.u16[(start + 12) >>> 1] = 0;
    batch.u16[(start + 14) >>> 1] = length;
    batch.u8[start + 16] = kind;
    batch.f64[(start + 24) >>> 3] = arrivalUs;
    batch.count++;
  }

  /** The records so far, valid until the next `take`. */
  take(): ReceiveBatch {
    const taken = this.#filling;
    this.#filling = this.#delivering;
    this.#filling.count = 0;
    this.#delivering = taken;
    return taken;
  }
}
