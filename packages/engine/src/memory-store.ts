import type { PacketStore } from "./packet-store.ts";

/** A packet store in plain memory: for simulations, tests, and backends without one of their own. */
export class MemoryStore implements PacketStore {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly slotBytes: number;
  readonly slotCount: number;
  readonly generations: Uint32Array;
  #next = 0;

  /** `slotCount` is a power of two. */
  constructor(slotCount: number, slotBytes = 1536) {
    this.slotCount = slotCount;
    this.slotBytes = slotBytes;
    this.bytes = new Uint8Array(slotCount * slotBytes);
    this.view = new DataView(this.bytes.buffer);
    this.generations = new Uint32Array(slotCount);
  }

  allocate(): number {
    const slot = this.#next;
    this.#next = (slot + 1) & (this.slotCount - 1);
    this.generations[slot]++;
    return slot;
  }

  /** Takes a slot and copies `bytes` to its start. */
  put(bytes: Uint8Array): number {
    const slot = this.allocate();
    this.bytes.set(bytes, slot * this.slotBytes);
    return slot;
  }
}
