import { rangeFits } from "../byte-order.ts";
import { BitReader } from "./bit-reader.ts";

/** Longer parameter sets are cut off: what is read here stands in their first bytes, scaling lists included. */
const MAX_SPS_BYTES = 512;
const MACROBLOCK_PIXELS = 16;
/** profile_idc values whose SPS has chroma format and scaling matrices (H.264 §7.3.2.1.1). */
const HIGH_PROFILES = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];
const MAX_POC_CYCLE = 255;

/** Reads a sequence parameter set: profile, level and size (H.264 §7.3.2.1). Made once; for statistics. */
export class H264Sps {
  profileIdc = 0;
  constraintFlags = 0;
  levelIdc = 0;
  /** Cropped, pixels. */
  width = 0;
  height = 0;

  readonly #bits = new BitReader();
  readonly #scratch = new Uint8Array(MAX_SPS_BYTES);

  /** `offset`: of the NAL unit's header. False where it runs past the end or its size is absurd. */
  set(bytes: Uint8Array, offset: number, length: number): boolean {
    if (length < 5 || !rangeFits(bytes, offset, length)) return false;
    const bits = this.#bits;
    bits.set(this.#scratch, 0, this.#unescape(bytes, offset + 1, offset + length));
    this.profileIdc = bits.read(8);
    this.constraintFlags = bits.read(8);
    this.levelIdc = bits.read(8);
    bits.readExpGolomb();
    const chromaFormat = HIGH_PROFILES.includes(this.profileIdc) ? this.#readHighProfile() : 1;
    bits.readExpGolomb();
    if (!this.#skipPictureOrder()) return false;
    bits.readExpGolomb();
    bits.read(1);
    return this.#readSize(chromaFormat) && !bits.overrun;
  }

  /** Removes the emulation prevention bytes (H.264 §7.4.1.1); returns how many bytes are left. */
  #unescape(bytes: Uint8Array, start: number, end: number): number {
    let used = 0;
    let zeros = 0;
    for (let i = start; i < end && used < MAX_SPS_BYTES; i++) {
      const octet = bytes[i];
      if (zeros >= 2 && octet === 3) {
        zeros = 0;
        continue;
      }
      zeros = octet === 0 ? zeros + 1 : 0;
      this.#scratch[used++] = octet;
    }
    return used;
  }

  /** Returns chroma_format_idc. */
  #readHighProfile(): number {
    const bits = this.#bits;
    const chromaFormat = bits.readExpGolomb();
    if (chromaFormat === 3) bits.read(1);
    bits.readExpGolomb();
    bits.readExpGolomb();
    bits.read(1);
    if (bits.flag()) {
      const lists = chromaFormat === 3 ? 12 : 8;
      for (let i = 0; i < lists; i++) if (bits.flag()) this.#skipScalingList(i < 6 ? 16 : 64);
    }
    return chromaFormat;
  }

  #skipScalingList(size: number): void {
    let last = 8;
    let next = 8;
    for (let i = 0; i < size; i++) {
      if (next !== 0) next = (last + this.#bits.readSignedExpGolomb() + 256) & 0xff;
      if (next !== 0) last = next;
    }
  }

  #skipPictureOrder(): boolean {
    const bits = this.#bits;
    const type = bits.readExpGolomb();
    if (type === 0) {
      bits.readExpGolomb();
    } else if (type === 1) {
      bits.read(1);
      bits.readSignedExpGolomb();
      bits.readSignedExpGolomb();
      const cycle = bits.readExpGolomb();
      if (cycle > MAX_POC_CYCLE) return false;
      for (let i = 0; i < cycle; i++) bits.readSignedExpGolomb();
    }
    return type <= 2;
  }

  #readSize(chromaFormat: number): boolean {
    const bits = this.#bits;
    const widthInMacroblocks = bits.readExpGolomb() + 1;
    const heightInMapUnits = bits.readExpGolomb() + 1;
    const framesOnly = bits.flag();
    if (!framesOnly) bits.read(1);
    bits.read(1);
    const cropped = bits.flag();
    const cropLeft = cropped ? bits.readExpGolomb() : 0;
    const cropRight = cropped ? bits.readExpGolomb() : 0;
    const cropTop = cropped ? bits.readExpGolomb() : 0;
    const cropBottom = cropped ? bits.readExpGolomb() : 0;
    const fields = framesOnly ? 1 : 2;
    const unitX = chromaFormat === 1 || chromaFormat === 2 ? 2 : 1;
    const unitY = (chromaFormat === 1 ? 2 : 1) * fields;
    const width = widthInMacroblocks * MACROBLOCK_PIXELS - unitX * (cropLeft + cropRight);
    const height = heightInMapUnits * fields * MACROBLOCK_PIXELS - unitY * (cropTop + cropBottom);
    if (width <= 0 || height <= 0 || width > 0xffff || height > 0xffff) return false;
    this.width = width;
    this.height = height;
    return true;
  }
}
