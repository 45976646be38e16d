import { copyBytes, writeU16 } from "./byte-order.ts";

const ABSENT = -1;
const MAX_ONE_BYTE_ID = 14;
const MAX_ONE_BYTE_LENGTH = 16;
const MAX_TWO_BYTE_LENGTH = 255;
const ONE_BYTE_PROFILE = 0xbede;
const TWO_BYTE_PROFILE = 0x1000;

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
  /** -1 where lengths have changed since it was measured. */
  #byteLength = 0;
  #oneByte = true;

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
    this.#setLength(index, ABSENT);
    this.#sources[index] = null;
  }

  /** Leaves all elements out. */
  omitAll(): void {
    for (let i = 0; i < this.#ids.length; i++) this.omit(i);
  }

  /** Takes the element in as zeros, 0 … 255 bytes; patched after `write` at `offsetOf(index)`. False if too long. */
  reserve(index: number, length: number): boolean {
    if (length < 0 || length > MAX_TWO_BYTE_LENGTH) return false;
    this.#setLength(index, length);
    this.#sources[index] = null;
    return true;
  }

  /** Takes the element in; its bytes are read at each `write`, and stay the caller's. False if too long or out of range. */
  put(index: number, source: Uint8Array, offset: number, length: number): boolean {
    if (length < 0 || length > MAX_TWO_BYTE_LENGTH || offset < 0 || offset + length > source.length) return false;
    this.#setLength(index, length);
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
    if (this.#byteLength < 0) this.#measure();
    return this.#byteLength;
  }

  /**
   * Writes the block and returns the offset after it, or -1 when it does not fit. Writes nothing and returns `offset`
   * where all elements are left out: the X bit must be 0 then.
   */
  write(target: Uint8Array, offset: number): number {
    const total = this.byteLength;
    const end = offset + total;
    if (end > target.length) return -1;
    let position = offset + 4;
    for (let i = 0; i < this.#ids.length; i++) {
      const length = this.#lengths[i];
      if (length === ABSENT) {
        this.#dataOffsets[i] = ABSENT;
        continue;
      }
      if (this.#oneByte) {
        target[position++] = (this.#ids[i] << 4) | (length - 1);
      } else {
        target[position++] = this.#ids[i];
        target[position++] = length;
      }
      this.#dataOffsets[i] = position;
      const source = this.#sources[i];
      if (source === null) fillZeros(target, position, position + length);
      else copyBytes(target, position, source, this.#sourceOffsets[i], length);
      position += length;
    }
    if (total === 0) return offset;
    fillZeros(target, position, end);
    writeU16(target, offset, this.#oneByte ? ONE_BYTE_PROFILE : TWO_BYTE_PROFILE);
    writeU16(target, offset + 2, (total >> 2) - 1);
    return end;
  }

  /** The form and size hold until a length changes, which is rare. */
  #setLength(index: number, length: number): void {
    if (this.#lengths[index] === length) return;
    this.#lengths[index] = length;
    this.#byteLength = -1;
  }

  #measure(): void {
    let count = 0;
    let dataBytes = 0;
    this.#oneByte = true;
    for (let i = 0; i < this.#ids.length; i++) {
      const length = this.#lengths[i];
      if (length === ABSENT) continue;
      count++;
      dataBytes += length;
      if (this.#ids[i] > MAX_ONE_BYTE_ID || length < 1 || length > MAX_ONE_BYTE_LENGTH) this.#oneByte = false;
    }
    const elementBytes = dataBytes + count * (this.#oneByte ? 1 : 2);
    this.#byteLength = count === 0 ? 0 : 4 + ((elementBytes + 3) & ~3);
  }
}

/** Quicker than `fill` for the few bytes that are meant. */
function fillZeros(target: Uint8Array, from: number, to: number): void {
  for (let i = from; i < to; i++) target[i] = 0;
}
