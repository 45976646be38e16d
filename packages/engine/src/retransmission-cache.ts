const WORDS = 5;
const USED = 0x8000_0000 | 0;
const MARKER = 0x4000_0000;
const NO_PICTURE_ID = 0xffff;

/**
 * What one outgoing stream must remember to send a packet again: outgoing number → slot, generation and rewrite. The
 * payload itself stays in the packet store, shared by all viewers. Newer packets take the place of older ones.
 *
 * An entry is five words: slot; generation; RTP timestamp sent; sequence number and picture id; flags, TL0PICIDX,
 * number of resends, and when it was resent last (in milliseconds, 16 bits).
 */
export class RetransmissionCache {
  readonly #words: Uint32Array;
  readonly #mask: number;
  /** abs-send-time and transport-wide number of the first sending; only kept where a resend must equal it. */
  readonly #stamps: Uint32Array | null;

  /** `capacity` is a power of two. */
  constructor(capacity: number, keepStamps: boolean) {
    this.#words = new Uint32Array(capacity * WORDS);
    this.#mask = capacity - 1;
    this.#stamps = keepStamps ? new Uint32Array(capacity * 2) : null;
  }

  /** Remembers a sent packet. `pictureId` and `tl0PictureIndex` are -1 where the payload has none. */
  put(
    sequenceNumber: number,
    slot: number,
    generation: number,
    rtpTimestamp: number,
    pictureId: number,
    tl0PictureIndex: number,
    forcedMarker: boolean,
  ): void {
    const words = this.#words;
    const i = (sequenceNumber & this.#mask) * WORDS;
    words[i] = slot;
    words[i + 1] = generation;
    words[i + 2] = rtpTimestamp;
    words[i + 3] = (sequenceNumber << 16) | (pictureId & 0xffff);
    words[i + 4] = USED | (forcedMarker ? MARKER : 0) | ((tl0PictureIndex & 0xff) << 20);
  }

  putStamps(sequenceNumber: number, absSendTime: number, transportSequence: number): void {
    if (this.#stamps === null) return;
    const i = (sequenceNumber & this.#mask) * 2;
    this.#stamps[i] = absSendTime;
    this.#stamps[i + 1] = transportSequence;
  }

  get keepsStamps(): boolean {
    return this.#stamps !== null;
  }

  /** Handle of the entry of a sequence number; -1 where it is not remembered. */
  find(sequenceNumber: number): number {
    const entry = sequenceNumber & this.#mask;
    const i = entry * WORDS;
    if ((this.#words[i + 4] & USED) === 0) return -1;
    return this.#words[i + 3] >>> 16 === sequenceNumber ? entry : -1;
  }

  slotOf(entry: number): number {
    return this.#words[entry * WORDS];
  }

  generationOf(entry: number): number {
    return this.#words[entry * WORDS + 1];
  }

  rtpTimestampOf(entry: number): number {
    return this.#words[entry * WORDS + 2] | 0;
  }

  pictureIdOf(entry: number): number {
    const pictureId = this.#words[entry * WORDS + 3] & 0xffff;
    return pictureId === NO_PICTURE_ID ? -1 : pictureId;
  }

  tl0PictureIndexOf(entry: number): number {
    return (this.#words[entry * WORDS + 4] >>> 20) & 0xff;
  }

  forcedMarkerOf(entry: number): boolean {
    return (this.#words[entry * WORDS + 4] & MARKER) !== 0;
  }

  absSendTimeOf(entry: number): number {
    return this.#stamps === null ? 0 : this.#stamps[entry * 2];
  }

  transportSequenceOf(entry: number): number {
    return this.#stamps === null ? 0 : this.#stamps[entry * 2 + 1];
  }

  /** How often the entry was resent, 0 … 15. */
  resendsOf(entry: number): number {
    return (this.#words[entry * WORDS + 4] >>> 16) & 0xf;
  }

  /** Milliseconds since the last resend (up to 65 s; later ones seem recent once, which costs one NACK). */
  sinceResentMs(entry: number, nowMs: number): number {
    return (nowMs - this.#words[entry * WORDS + 4]) & 0xffff;
  }

  markResent(entry: number, nowMs: number): void {
    const i = entry * WORDS + 4;
    const resends = Math.min(15, this.resendsOf(entry) + 1);
    this.#words[i] = (this.#words[i] & 0xfff0_0000) | (resends << 16) | (nowMs & 0xffff);
  }

  /** Forgets all: the stream's source is another, nothing sent before can be made again. */
  clear(): void {
    this.#words.fill(0);
  }
}
