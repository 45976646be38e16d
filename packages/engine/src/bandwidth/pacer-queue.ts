const INITIAL_CAPACITY = 32;

/** First in, first out: handles, sizes and times of packets, in rings that grow up to a bound. */
export class PacerQueue {
  readonly maxPackets: number;
  count = 0;
  bytes = 0;

  #handles = new Float64Array(INITIAL_CAPACITY);
  #sizes = new Uint16Array(INITIAL_CAPACITY);
  #timesUs = new Float64Array(INITIAL_CAPACITY);
  #first = 0;

  constructor(maxPackets: number) {
    this.maxPackets = maxPackets;
  }

  /** False where it is full. */
  push(handle: number, bytes: number, nowUs: number): boolean {
    if (this.count === this.maxPackets) return false;
    if (this.count === this.#handles.length) this.#grow();
    const at = (this.#first + this.count) % this.#handles.length;
    this.#handles[at] = handle;
    this.#sizes[at] = bytes;
    this.#timesUs[at] = nowUs;
    this.count++;
    this.bytes += bytes;
    return true;
  }

  /** The three of the first packet; only where there is one. */
  get firstHandle(): number {
    return this.#handles[this.#first];
  }

  get firstBytes(): number {
    return this.#sizes[this.#first];
  }

  get firstUs(): number {
    return this.#timesUs[this.#first];
  }

  shift(): void {
    this.bytes -= this.#sizes[this.#first];
    this.#first = (this.#first + 1) % this.#handles.length;
    this.count--;
  }

  #grow(): void {
    const capacity = Math.min(this.maxPackets, this.#handles.length * 2);
    const handles = new Float64Array(capacity);
    const sizes = new Uint16Array(capacity);
    const timesUs = new Float64Array(capacity);
    for (let i = 0; i < this.count; i++) {
      const from = (this.#first + i) % this.#handles.length;
      handles[i] = this.#handles[from];
      sizes[i] = this.#sizes[from];
      timesUs[i] = this.#timesUs[from];
    }
    this.#handles = handles;
    this.#sizes = sizes;
    this.#timesUs = timesUs;
    this.#first = 0;
  }
}
