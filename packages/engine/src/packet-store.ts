/**
 * Where packet payloads live: one ring of equal slots, owned by the I/O backend, shared by everybody who forwards,
 * retransmits or inspects. A slot is written once, by the backend, and read by any number of consumers until the ring
 * comes round; its generation says whether it has.
 */
export interface PacketStore {
  /** All slots, one after another. */
  readonly bytes: Uint8Array;
  /** View over the same memory. */
  readonly view: DataView;
  /** Bytes of one slot; slot `i` starts at `i * slotBytes`. */
  readonly slotBytes: number;
  /** Number of slots, a power of two. */
  readonly slotCount: number;
  /** Generation of each slot; raised by one before a slot is written again. A reader that remembers another one is late. */
  readonly generations: Uint32Array;
  /**
   * Takes the next slot for bytes that this process makes itself (RTCP, padding, packets from a relay): raises its
   * generation and returns its index. The newest slot overwrites the oldest.
   */
  allocate(): number;
}
