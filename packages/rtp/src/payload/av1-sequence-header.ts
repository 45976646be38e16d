import { rangeFits } from "../byte-order.ts";
import { BitReader } from "./bit-reader.ts";

/** Reads the head of a sequence header OBU: profile and size (AV1 specification §5.5.1). Made once; for statistics. */
export class Av1SequenceHeader {
  profile = 0;
  /** Largest frame of the sequence, pixels. */
  maxWidth = 0;
  maxHeight = 0;
  operatingPointCount = 0;

  readonly #bits = new BitReader();

  /** `offset`: behind the OBU's header, extension and size. False where it runs past the end. */
  set(bytes: Uint8Array, offset: number, length: number): boolean {
    if (!rangeFits(bytes, offset, length)) return false;
    const bits = this.#bits;
    bits.set(bytes, offset, length);
    this.profile = bits.read(3);
    bits.read(1);
    const reduced = bits.flag();
    if (reduced) {
      bits.read(5);
      this.operatingPointCount = 1;
    } else {
      this.#readOperatingPoints();
    }
    const widthBits = bits.read(4) + 1;
    const heightBits = bits.read(4) + 1;
    this.maxWidth = bits.read(widthBits) + 1;
    this.maxHeight = bits.read(heightBits) + 1;
    return !bits.overrun;
  }

  #readOperatingPoints(): void {
    const bits = this.#bits;
    let delayBits = 0;
    if (bits.flag()) {
      bits.read(32);
      bits.read(32);
      if (bits.flag()) bits.readExpGolomb();
      if (bits.flag()) {
        delayBits = bits.read(5) + 1;
        bits.read(32);
        bits.read(10);
      }
    }
    const hasDisplayDelay = bits.flag();
    this.operatingPointCount = bits.read(5) + 1;
    for (let i = 0; i < this.operatingPointCount; i++) {
      bits.read(12);
      if (bits.read(5) > 7) bits.read(1);
      if (delayBits > 0 && bits.flag()) {
        bits.read(delayBits);
        bits.read(delayBits);
        bits.read(1);
      }
      if (hasDisplayDelay && bits.flag()) bits.read(4);
    }
  }
}
