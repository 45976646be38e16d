import { copyBytes, writeU16 } from "./byte-order.ts";

const ABSENT = -1;
const MAX_ONE_BYTE_ID = 14;
const MAX_ONE_BYTE_LENGTH = 16;
const MAX_TWO_BYTE_LENGTH = 255;

/**
 * Writes extension blocks with a fixed list of elements (RFC 8285): made once a stream, told what changes, written with
 * each packet. An element is left out, reserved (zeros, to be patched in the target afterwards) or copied from a source;
 * that stays so until told otherwise. The one-byte form is used where every element present allows it (id ≤ 14, 1 … 16
 * bytes), otherwise the two-byte form.
 */
export class HeaderExtensionWriter {
  readonly #ids: Uint8Array;
  readonly #lengths: Int16Array;
  readonly #sourceOffsets: Int32Array;
  readonly #sources: (Uint8Array | null)[];
  readonly #dataOffsets: Int32Array;

  /** `ids` (1 … 255) in the order in which the elements are written; an element is then named by its index. */
  constructor(ids: readonly number[]) {
    this.#ids = Uint8Array.from(ids);
    this.#lengths = new Int16Array(ids.length).fill(ABSENT);
    this.#sourceOffsets = new Int32Array(ids.length);
    this.#sources = ids.map(() => null);
    this.#dataOffsets = new Int32Array(ids.length).fill(ABSENT);
  }

  /** Leaves the element out from now on. */
  omit(index: number): void {
    this.#lengths[index] = ABSENT;
    this.#sources[index] = null;
  }

  /** Leaves all elements out. */
  omitAll(): void {
    for (let i = 0; i < this.#ids.length; i++) this.omit(i);
  }

  /** Takes the element in as zeros, 0 … 255 bytes; patched after `write` at `offsetOf(index)`. False if too long. */
  reserve(index: number, length: number): boolean {
    if (length < 0 || length > MAX_TWO_BYTE_LENGTH) return false;
    this.#lengths[index] = length;
    this.#sources[index] = null;
    return true;
  }

  /** Takes the element in; its bytes are read at each `write`, and stay the caller's. False if too long or out of range. */
  put(index: number, source: Uint8Array, offset: number, length: number): boolean {
    if (length < 0 || length > MAX_TWO_BYTE_LENGTH || offset < 0 || offset + length > source.length) return false;
    this.#lengths[index] = length;
    this.#sources[index] = source;
    this.#sourceOffsets[index] = offset;
    return true;
  }

  /** Absolute offset of the element's data in the target of the last `write`; -1 where it was left out. */
  offsetOf(index: number): number {
    return this.#dataOffsets[index];
  }

  /** Bytes that `write` will need, header and padding included; 0 where all elements are left out. */
  get byteLength(): number {
    const elementHeader = this.#fitsOneByte() ? 1 : 2;
    let dataBytes = 0;
    let present = false;
    for (let i = 0; i < this.#lengths.length; i++) {
      if (this.#lengths[i] === ABSENT) continue;
      present = true;
      dataBytes += elementHeader + this.#lengths[i];
    }
    return present ? 4 + ((dataBytes + 3) & ~3) : 0;
  }

  /**
   * Writes the block and returns the offset after it, or -1 when it does not fit. Writes nothing and returns `offset`
   * where all elements are left out: the X bit must be 0 then.
   */
  write(target: Uint8Array, offset: number): number {
    const total = this.byteLength;
    if (offset + total > target.length) return -1;
    const oneByte = this.#fitsOneByte();
    let position = offset + 4;
    for (let i = 0; i < this.#ids.length; i++) {
      const length = this.#lengths[i];
      if (length === ABSENT) {
        this.#dataOffsets[i] = ABSENT;
        continue;
      }
      if (oneByte) {
        target[position++] = (this.#ids[i] << 4) | (length - 1);
      } else {
        target[position++] = this.#ids[i];
        target[position++] = length;
      }
      this.#dataOffsets[i] = position;
      const source = this.#sources[i];
      if (source === null) target.fill(0, position, position + length);
      else copyBytes(target, position, source, this.#sourceOffsets[i], length);
      position += length;
    }
    if (total === 0) return offset;
    while (position < offset + total) target[position++] = 0;
    writeU16(target, offset, oneByte ? 0xbede : 0x1000);
    writeU16(target, offset + 2, (total >> 2) - 1);
    return position;
  }

  #fitsOneByte(): boolean {
    for (let i = 0; i < this.#ids.length; i++) {
      const length = this.#lengths[i];
      if (length === ABSENT) continue;
      if (this.#ids[i] > MAX_ONE_BYTE_ID || length < 1 || length > MAX_ONE_BYTE_LENGTH) return false;
    }
    return true;
  }
}
