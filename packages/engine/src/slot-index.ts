/**
 * Where in each slot of the packet store the RTP packet lies: kept once for all consumers, so that a retransmission needs
 * no more than slot and generation. Written with each received packet; the generation says whether it still holds.
 */
export class SlotIndex {
  readonly #offsets: Uint16Array;
  readonly #lengths: Uint16Array;
  /** Payload type of the original where the slot holds an RTX packet (RFC 4588 §4), else 255. */
  readonly #originalPayloadTypes: Uint8Array;

  constructor(slotCount: number) {
    this.#offsets = new Uint16Array(slotCount);
    this.#lengths = new Uint16Array(slotCount);
    this.#originalPayloadTypes = new Uint8Array(slotCount);
  }

  set(slot: number, offset: number, length: number): void {
    this.#offsets[slot] = offset;
    this.#lengths[slot] = length;
    this.#originalPayloadTypes[slot] = 255;
  }

  setOriginalPayloadType(slot: number, payloadType: number): void {
    this.#originalPayloadTypes[slot] = payloadType;
  }

  /** Offset of the packet inside its slot. */
  offsetOf(slot: number): number {
    return this.#offsets[slot];
  }

  lengthOf(slot: number): number {
    return this.#lengths[slot];
  }

  /** Payload type that the packet had before RTX; -1 where it is no RTX packet. */
  originalPayloadTypeOf(slot: number): number {
    const payloadType = this.#originalPayloadTypes[slot];
    return payloadType === 255 ? -1 : payloadType;
  }
}
