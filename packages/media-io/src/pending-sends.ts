import { SEND_PREFIX_MAX_BYTES } from "@cation/engine/send-batch";
import { SLOT_BYTES } from "./ring-packet-store.ts";
import { SRTP_MAX_OVERHEAD_BYTES } from "./srtp-cipher.ts";

/** Longest packet that a record can make. */
export const MAX_WIRE_BYTES = SEND_PREFIX_MAX_BYTES + SLOT_BYTES + SRTP_MAX_OVERHEAD_BYTES;

/** A packet that the kernel has not taken yet: its bytes, and whose it is. */
export class PendingSend {
  readonly bytes = new Uint8Array(MAX_WIRE_BYTES);
  wireBytes = 0;
  transport = 0;
  token = 0;
  /** Whether a record waits for its completion; false for plain datagrams. */
  fromRecord = false;
  /** For the socket: made once, since a closure per packet would cost more than the packet's bookkeeping. */
  readonly done: (error: Error | null) => void;

  constructor(onDone: (send: PendingSend, error: Error | null) => void) {
    this.done = (error) => onDone(this, error);
  }
}

/** The bounded queue in front of the socket: packets that may be under way at once. Made when first needed, kept. */
export class PendingSends {
  readonly #free: PendingSend[] = [];
  readonly #capacity: number;
  readonly #onDone: (send: PendingSend, error: Error | null) => void;
  #made = 0;

  constructor(capacity: number, onDone: (send: PendingSend, error: Error | null) => void) {
    this.#capacity = capacity;
    this.#onDone = onDone;
  }

  /** `undefined` when the queue is full. */
  take(): PendingSend | undefined {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    if (this.#made === this.#capacity) return undefined;
    this.#made++;
    return new PendingSend(this.#onDone);
  }

  release(send: PendingSend): void {
    this.#free.push(send);
  }
}
