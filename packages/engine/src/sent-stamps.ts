const WORDS = 3;
const USED = 0x8000_0000 | 0;
const MARKER = 0x4000_0000;

/**
 * What was written into the sent packets of a stream beside its offsets, for streams without RTX: a packet that goes out
 * again under its own number must be the same, byte by byte, as key and index are the same (RFC 3711 §9.1).
 *
 * An entry is three words: low half of the extended number; flags and abs-send-time; transport-wide number.
 */
export class SentStamps {
  readonly #words: Int32Array;
  readonly #mask: number;

  /** `capacity` is a power of two. */
  constructor(capacity: number) {
    this.#words = new Int32Array(capacity * WORDS);
    this.#mask = capacity - 1;
  }

  /** Remembers a sent packet by its extended number. */
  put(number: number, absSendTime: number, transportSequence: number, forcedMarker: boolean): void {
    const words = this.#words;
    const i = (number & this.#mask) * WORDS;
    words[i] = number;
    words[i + 1] = USED | (forcedMarker ? MARKER : 0) | absSendTime;
    words[i + 2] = transportSequence;
  }

  /** Handle of the entry of a number; -1 where it is not remembered. */
  find(number: number): number {
    const entry = number & this.#mask;
    const i = entry * WORDS;
    return (this.#words[i + 1] & USED) !== 0 && this.#words[i] === (number | 0) ? entry : -1;
  }

  absSendTimeOf(entry: number): number {
    return this.#words[entry * WORDS + 1] & 0xff_ffff;
  }

  transportSequenceOf(entry: number): number {
    return this.#words[entry * WORDS + 2];
  }

  /** Whether the packet went out with a marker that it had not come with. */
  forcedMarkerOf(entry: number): boolean {
    return (this.#words[entry * WORDS + 1] & MARKER) !== 0;
  }
}
