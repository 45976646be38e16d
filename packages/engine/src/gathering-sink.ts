import type { PacketSink } from "./packet-sink.ts";
import type { PacketStore } from "./packet-store.ts";
import { SEND_PREFIX_OFFSET, SEND_RECORD_BYTES, SendBatch, SendKind, SendOutcome } from "./send-batch.ts";

const RECORD_WORDS = SEND_RECORD_BYTES / 4;

/** A record with its bytes put together, as it would go on the wire before encryption. */
export interface GatheredPacket {
  readonly transport: number;
  readonly rtcp: boolean;
  /** RTP: rollover counter; RTCP: SRTCP index. */
  readonly index: number;
  readonly token: number;
  /** Length of the RTP header, which encryption leaves alone. */
  readonly headerBytes: number;
  /** A fresh copy. */
  readonly bytes: Uint8Array;
}

/**
 * A sink that gathers each record into bytes of its own, as an I/O backend does: for relay links that frame packets into a
 * stream, for simulations and tests. Records whose slot has been written again are dropped and counted.
 */
export class GatheringSink implements PacketSink {
  readonly batch: SendBatch;
  /** By SendOutcome. */
  readonly outcomes: Float64Array = new Float64Array(Object.keys(SendOutcome).length);
  readonly #store: PacketStore;
  readonly #deliver: (packet: GatheredPacket) => void;

  /** `deliver` is called for each record in order; it must not call the engine. */
  constructor(store: PacketStore, capacity: number, deliver: (packet: GatheredPacket) => void) {
    this.batch = new SendBatch(capacity);
    this.#store = store;
    this.#deliver = deliver;
  }

  flush(): void {
    for (let i = 0; i < this.batch.count; i++) this.#gather(i);
    this.batch.count = 0;
  }

  #gather(record: number): void {
    const { u8, u16, u32 } = this.batch;
    const word = record * RECORD_WORDS;
    const slot = u32[word + 1];
    const store = this.#store;
    if (store.generations[slot] !== u32[word + 2]) {
      this.outcomes[SendOutcome.SLOT_OVERWRITTEN]++;
      return;
    }
    const prefixBytes = u16[2 * word + 11];
    const restBytes = u16[2 * word + 7];
    const bytes = new Uint8Array(prefixBytes + restBytes);
    const prefix = 4 * word + SEND_PREFIX_OFFSET;
    bytes.set(u8.subarray(prefix, prefix + prefixBytes));
    const rest = slot * store.slotBytes + u16[2 * word + 6];
    bytes.set(store.bytes.subarray(rest, rest + restBytes), prefixBytes);
    this.outcomes[SendOutcome.SENT]++;
    this.#deliver({
      transport: u32[word],
      rtcp: u8[4 * word + 20] === SendKind.RTCP,
      index: u32[word + 4],
      token: u32[word + 6],
      headerBytes: u32[word + 7],
      bytes,
    });
  }
}
