import type { IncomingPacket } from "./incoming-packet.ts";

const WORDS = 4;
const USED = 0x8000_0000 | 0;
const NO_PICTURE_ID = 0xffff;

/**
 * Where the recent packets of a producer stream lie: extended number → slot, generation and picture id. Kept once for all
 * consumers: each finds by its own offsets which packet it sent under a number. Newer packets take the place of older
 * ones.
 *
 * An entry is four words: low half of the number; slot; generation; flag, TL0PICIDX and picture id.
 */
export class PacketHistory {
  readonly #words: Int32Array;
  readonly #mask: number;

  /** `capacity` is a power of two. */
  constructor(capacity: number) {
    this.#words = new Int32Array(capacity * WORDS);
    this.#mask = capacity - 1;
  }

  put(packet: IncomingPacket): void {
    const words = this.#words;
    const extSeq = packet.extSeq | 0;
    const i = (extSeq & this.#mask) * WORDS;
    // A packet so late that its place has been given away.
    if ((words[i + 3] & USED) !== 0 && ((words[i] - extSeq) | 0) > 0) return;
    words[i] = extSeq;
    words[i + 1] = packet.slot;
    words[i + 2] = packet.generation;
    words[i + 3] = USED | ((packet.tl0PictureIndex & 0xff) << 16) | (packet.pictureId & 0xffff);
  }

  /** Handle of the entry of a number; -1 where it is not remembered. */
  find(extSeq: number): number {
    const entry = extSeq & this.#mask;
    const i = entry * WORDS;
    return (this.#words[i + 3] & USED) !== 0 && this.#words[i] === (extSeq | 0) ? entry : -1;
  }

  slotOf(entry: number): number {
    return this.#words[entry * WORDS + 1];
  }

  /** int32. */
  generationOf(entry: number): number {
    return this.#words[entry * WORDS + 2];
  }

  /** -1 where the packet has none. */
  pictureIdOf(entry: number): number {
    const pictureId = this.#words[entry * WORDS + 3] & 0xffff;
    return pictureId === NO_PICTURE_ID ? -1 : pictureId;
  }

  tl0PictureIndexOf(entry: number): number {
    return (this.#words[entry * WORDS + 3] >>> 16) & 0xff;
  }

  /** Forgets all: the stream's numbers start anew. */
  clear(): void {
    this.#words.fill(0);
  }
}
