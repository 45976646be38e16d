import type { PacketStore } from "@cation/engine/packet-store";

/** Bytes of a slot. Anything longer than this on the wire is dropped as oversized. */
export const SLOT_BYTES = 2048;
/** Slots where the options name no number: 32 MiB. */
export const DEFAULT_SLOT_COUNT = 16_384;
const MAX_SLOT_COUNT = 1 << 20;

/** Memory of a store, which the native backend lends from its own heap. */
export interface RingMemory {
  /** `slotCount * SLOT_BYTES` bytes. */
  readonly bytes: Uint8Array;
  /** One counter a slot. */
  readonly generations: Uint32Array;
  /** One number: the slot that is taken next. */
  readonly head: Uint32Array;
}

/** The packet store as one ring: the newest slot overwrites the oldest. Shared with native code where it is lent memory. */
export class RingPacketStore implements PacketStore {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly slotBytes = SLOT_BYTES;
  readonly slotCount: number;
  readonly generations: Uint32Array;
  /** One number: the slot that is taken next. */
  readonly head: Uint32Array;
  readonly #mask: number;

  constructor(memory: RingMemory) {
    this.bytes = memory.bytes;
    this.view = new DataView(memory.bytes.buffer, memory.bytes.byteOffset, memory.bytes.byteLength);
    this.generations = memory.generations;
    this.slotCount = memory.generations.length;
    this.head = memory.head;
    this.#mask = this.slotCount - 1;
  }

  /** A store of its own memory. Throws a RangeError where `slotCount` is no power of two between 2 and 2^20. */
  static create(slotCount: number): RingPacketStore {
    checkSlotCount(slotCount);
    return new RingPacketStore({
      bytes: new Uint8Array(slotCount * SLOT_BYTES),
      generations: new Uint32Array(slotCount),
      head: new Uint32Array(1),
    });
  }

  allocate(): number {
    const slot = this.head[0];
    this.head[0] = (slot + 1) & this.#mask;
    // Atomic, so that a sender thread that is gathering the slot sees the number change before the bytes.
    Atomics.add(this.generations, slot, 1);
    return slot;
  }
}

/** Throws a RangeError where `slotCount` is no power of two between 2 and 2^20. */
export function checkSlotCount(slotCount: number): void {
  const isPowerOfTwo = Number.isInteger(slotCount) && (slotCount & (slotCount - 1)) === 0;
  if (!isPowerOfTwo || slotCount < 2 || slotCount > MAX_SLOT_COUNT) {
    throw new RangeError(`slotCount is ${slotCount}; allowed: a power of two from 2 to ${MAX_SLOT_COUNT}`);
  }
}
