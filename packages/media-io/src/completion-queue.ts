import { COMPLETION_RECORD_BYTES, CompletionBatch } from "@cation/engine/completion-batch";
import type { SendOutcome } from "@cation/engine/send-batch";

const INITIAL_RECORDS = 1024;

/**
 * Completions between their happening and the next turn of the event loop. Two batches change places, so that records
 * written during a delivery wait for the next one. A batch grows where a turn has more: there is exactly one completion
 * for each record, so the engine's own output bounds it.
 */
export class CompletionQueue {
  #filling = new CompletionBatch(INITIAL_RECORDS);
  #delivering = new CompletionBatch(INITIAL_RECORDS);

  get empty(): boolean {
    return this.#filling.count === 0;
  }

  push(transport: number, token: number, outcome: SendOutcome, wireBytes: number, sentUs: number): void {
    if (this.#filling.count === this.#filling.capacity) this.#filling = doubled(this.#filling);
    const batch = this.#filling;
    const start = batch.count * COMPLETION_RECORD_BYTES;
    batch.u32[start >>> 2] = transport;
    batch.u32[(start + 4) >>> 2] = token;
    batch.u8[start + 8] = outcome;
    batch.u32[(start + 12) >>> 2] = wireBytes;
    batch.f64[(start + 16) >>> 3] = sentUs;
    batch.count++;
  }

  /** The records so far, valid until the next `take`. */
  take(): CompletionBatch {
    const taken = this.#filling;
    this.#filling = this.#delivering;
    this.#filling.count = 0;
    this.#delivering = taken;
    return taken;
  }
}

function doubled(batch: CompletionBatch): CompletionBatch {
  const larger = new CompletionBatch(batch.capacity * 2);
  larger.u8.set(batch.u8);
  larger.count = batch.count;
  return larger;
}
