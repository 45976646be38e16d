import { rangeFits, readU24 } from "../byte-order.ts";
import type { PayloadType } from "../units.ts";

const BLOCK_HEADER_BYTES = 4;
/** More generations of redundancy than anybody sends; also bounds the memory. */
const MAX_REDUNDANT_BLOCKS = 32;

/** Reads a payload of redundant blocks where it lies (RFC 2198 §3). Made once. */
export class RedPayload {
  /** The newest data: what a receiver without redundancy wants. Absolute offset. */
  primaryOffset = 0;
  primaryBytes = 0;
  primaryPayloadType = 0 as PayloadType;
  /** Blocks of older data, oldest first as a rule. */
  blockCount = 0;

  readonly #payloadTypes = new Uint8Array(MAX_REDUNDANT_BLOCKS);
  readonly #timestampOffsets = new Uint16Array(MAX_REDUNDANT_BLOCKS);
  readonly #offsets = new Uint32Array(MAX_REDUNDANT_BLOCKS);
  readonly #lengths = new Uint16Array(MAX_REDUNDANT_BLOCKS);

  /** False where headers or blocks run past the end, or there are more than 32. */
  set(bytes: Uint8Array, offset: number, length: number): boolean {
    this.blockCount = 0;
    if (length < 1 || !rangeFits(bytes, offset, length)) return false;
    const end = offset + length;
    let position = offset;
    let count = 0;
    while ((bytes[position] & 0x80) !== 0) {
      // The header of the primary block follows at least.
      if (count === MAX_REDUNDANT_BLOCKS || position + BLOCK_HEADER_BYTES >= end) return false;
      const fields = readU24(bytes, position + 1);
      this.#payloadTypes[count] = bytes[position] & 0x7f;
      this.#timestampOffsets[count] = fields >> 10;
      this.#lengths[count] = fields & 0x3ff;
      position += BLOCK_HEADER_BYTES;
      count++;
    }
    this.primaryPayloadType = (bytes[position] & 0x7f) as PayloadType;
    position += 1;
    for (let i = 0; i < count; i++) {
      this.#offsets[i] = position;
      position += this.#lengths[i];
    }
    if (position > end) return false;
    this.primaryOffset = position;
    this.primaryBytes = end - position;
    this.blockCount = count;
    return true;
  }

  /** Payload type of redundant block `index` (0 … blockCount-1). */
  payloadType(index: number): PayloadType {
    return this.#payloadTypes[index] as PayloadType;
  }

  /** How many ticks older than the packet's timestamp the block is. */
  timestampOffset(index: number): number {
    return this.#timestampOffsets[index];
  }

  /** Absolute offset of the block's data. */
  blockOffset(index: number): number {
    return this.#offsets[index];
  }

  blockBytes(index: number): number {
    return this.#lengths[index];
  }
}
