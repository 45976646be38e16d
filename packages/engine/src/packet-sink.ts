import type { SendBatch } from "./send-batch.ts";

/**
 * Where the engine writes records for a transport: the I/O backend (one sink for all its transports) or a relay link
 * (one each). The engine fills `batch` and calls `flush` when it is full and at the end of each call into the engine;
 * after `flush` the batch is empty again.
 */
export interface PacketSink {
  readonly batch: SendBatch;
  /** Sends `batch.count` records and sets the count to 0. */
  flush(): void;
}
