/**
 * Reads bits, most significant first. Past the end it gives zeros and remembers: callers check `overrun` once, after
 * loops that are bounded by themselves.
 */
export class BitReader {
  /** Bits read so far. */
  position = 0;
  /** Set when more was asked for than there is. */
  overrun = false;

  #bytes: Uint8Array = new Uint8Array(0);
  #offset = 0;
  #endBit = 0;

  /** Starts at `offset`; the caller has checked the range. */
  set(bytes: Uint8Array, offset: number, length: number): void {
    this.#bytes = bytes;
    this.#offset = offset;
    this.#endBit = 8 * length;
    this.position = 0;
    this.overrun = false;
  }

  /** The next `count` bits (0 … 32) as an unsigned number. */
  read(count: number): number {
    if (this.position + count > this.#endBit) {
      this.overrun = true;
      this.position = this.#endBit;
      return 0;
    }
    let value = 0;
    let left = count;
    while (left > 0) {
      const available = 8 - (this.position & 7);
      const take = left < available ? left : available;
      const octet = this.#bytes[this.#offset + (this.position >> 3)];
      const bits = (octet >> (available - take)) & ((1 << take) - 1);
      value = value * (1 << take) + bits;
      this.position += take;
      left -= take;
    }
    return value;
  }

  /** One bit as a flag. */
  flag(): boolean {
    return this.read(1) === 1;
  }

  /** A number below `limit` in the non-symmetric code ns(n) (AV1 specification §4.10.7). */
  readNonSymmetric(limit: number): number {
    const width = 32 - Math.clz32(limit);
    const short = (1 << width) - limit;
    const value = this.read(width - 1);
    if (value < short) return value;
    return (value << 1) - short + this.read(1);
  }

  /** Unsigned Exp-Golomb code ue(v) (H.264 §9.1); codes beyond 32 bits count as overrun. */
  readExpGolomb(): number {
    let zeros = 0;
    while (!this.overrun && this.read(1) === 0) {
      zeros++;
      if (zeros > 31) this.overrun = true;
    }
    if (this.overrun) return 0;
    return 2 ** zeros - 1 + this.read(zeros);
  }

  /** Signed Exp-Golomb code se(v) (H.264 §9.1.1). */
  readSignedExpGolomb(): number {
    const code = this.readExpGolomb();
    return (code & 1) === 1 ? (code + 1) / 2 : -(code / 2);
  }
}
