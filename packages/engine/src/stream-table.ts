/** int32 words of a row: two cache lines. */
export const STREAM_ROW_WORDS = 32;

/** What a row holds in words. The first line is what forwarding reads, the second what it counts. */
export const StreamWord = {
  /** StreamFlag: reasons to look closer. 0 in the steady state. */
  FLAGS: 0,
  /** Index of the ForwardGroup in the producer. */
  GROUP: 1,
  /** Where the transport's row begins in the TransportTable. */
  TRANSPORT: 2,
  /** As it stands in packets: bytes in network order. */
  SSRC: 3,
  /** Source (and epoch of it) whose packets are mapped, or were last; -1 before the first. */
  SOURCE_KEY: 4,
  /** Outgoing minus incoming RTP timestamp. */
  TIMESTAMP_OFFSET: 5,
  /** Outgoing minus incoming VP8 picture id and TL0PICIDX, modulo their size. */
  PICTURE_ID_OFFSET: 6,
  TL0_OFFSET: 7,
  /** Of the newest packet sent; -1 before the first that had one. */
  LAST_PICTURE_ID: 8,
  LAST_TL0: 30,
  /** Highest temporal layer that passes without a closer look. */
  MAX_TEMPORAL_ID: 9,
  /** Timestamp of the newest packet sent. */
  LAST_TIMESTAMP: 10,
  /** Picture id of the packet that was left out last; -1 where none of the present source was. */
  LEFT_OUT_PICTURE_ID: 11,
} as const;

/** What a row holds in doubles, in units of eight bytes: numbers that outgrow 32 bits. */
export const StreamDouble = {
  /** Outgoing minus incoming extended sequence number. */
  SEQUENCE_OFFSET: 6,
  /** Highest incoming number mapped or left out. */
  HIGHEST_IN: 7,
  /** Highest extended number sent; -1 before the first. */
  HIGHEST_OUT: 8,
  /** When the newest packet sent arrived, MonoUs; -1 before the first. */
  LAST_ARRIVAL_US: 9,
  PACKETS: 10,
  /** Payload octets (RFC 3550 §6.4.1). */
  BYTES: 11,
  /** When the last keyframe began to go out; -1 for never. */
  LAST_KEYFRAME_US: 12,
  /** First incoming number of the present source. */
  START_IN: 13,
  /** First incoming number that the present offsets hold for. */
  SEGMENT_START: 14,
} as const;

/** Why a stream does not take the short way through the PacketForwarder. */
export const StreamFlag = {
  /** The next packet is the first of a source. */
  FRESH: 1,
  /** The next packet starts a talkspurt. */
  MARKS_NEXT: 2,
  /** More temporal layers are wanted than pass, and the next packet may be where to begin with them. */
  GOES_UP: 4,
  /** What was written into a packet must be remembered: a resend has to be the same bytes. */
  KEEPS_STAMPS: 8,
} as const;

const DOUBLES_PER_ROW = STREAM_ROW_WORDS / 2;
const INITIAL_ROWS = 4;

/**
 * What forwarding needs of many outgoing streams: one row a stream, one after another. A producer stream has a table of
 * those that it feeds, so that forwarding a packet reads memory in one direction, without touching an object a stream.
 */
export class StreamTable {
  /** The same memory in two views; others after `add`. */
  i32: Int32Array = new Int32Array(INITIAL_ROWS * STREAM_ROW_WORDS);
  f64: Float64Array = new Float64Array(this.i32.buffer);
  readonly #places: StreamPlace[] = [];

  /** Number of rows. */
  get count(): number {
    return this.#places.length;
  }

  /** Adds a row. For StreamPlace. */
  add(place: StreamPlace): number {
    if (this.count * STREAM_ROW_WORDS === this.i32.length) this.#grow();
    return this.#places.push(place) - 1;
  }

  /** Takes a row out; the last one moves to its place. For StreamPlace. */
  remove(index: number): void {
    const last = this.#places.pop() as StreamPlace;
    if (index === this.count) return;
    this.#places[index] = last;
    this.copyRow(this, last.index, index);
    last.index = index;
  }

  /** Copies a row from here to another table. For StreamPlace. */
  copyRow(target: StreamTable, from: number, to: number): void {
    const start = from * STREAM_ROW_WORDS;
    target.i32.set(this.i32.subarray(start, start + STREAM_ROW_WORDS), to * STREAM_ROW_WORDS);
  }

  #grow(): void {
    const larger = new Int32Array(2 * this.i32.length);
    larger.set(this.i32);
    this.i32 = larger;
    this.f64 = new Float64Array(larger.buffer);
  }
}

/** Where the row of one stream is: it moves along when the stream goes over to another source. */
export class StreamPlace {
  #table: StreamTable;
  /** Number of the row. Set by the table. */
  index: number;

  /** The row holds zeros. */
  constructor(table: StreamTable) {
    this.#table = table;
    this.index = table.add(this);
    const start = this.index * STREAM_ROW_WORDS;
    table.i32.fill(0, start, start + STREAM_ROW_WORDS);
  }

  /** Takes the row to another table. */
  moveTo(table: StreamTable): void {
    const from = this.#table;
    if (from === table) return;
    const index = table.add(this);
    from.copyRow(table, this.index, index);
    from.remove(this.index);
    this.#table = table;
    this.index = index;
  }

  /** Leaves all tables for good; the figures can still be read. */
  leave(): void {
    this.moveTo(new StreamTable());
  }

  /** A word of the row, by StreamWord. */
  word(word: number): number {
    return this.#table.i32[this.index * STREAM_ROW_WORDS + word];
  }

  setWord(word: number, value: number): void {
    this.#table.i32[this.index * STREAM_ROW_WORDS + word] = value;
  }

  /** A double of the row, by StreamDouble. */
  double(double: number): number {
    return this.#table.f64[this.index * DOUBLES_PER_ROW + double];
  }

  setDouble(double: number, value: number): void {
    this.#table.f64[this.index * DOUBLES_PER_ROW + double] = value;
  }

  /** One more packet has been written, with so many payload octets. */
  countPacket(payloadBytes: number): void {
    this.setDouble(StreamDouble.PACKETS, this.double(StreamDouble.PACKETS) + 1);
    this.setDouble(StreamDouble.BYTES, this.double(StreamDouble.BYTES) + payloadBytes);
  }

  /** Whether a StreamFlag is set. */
  has(flag: number): boolean {
    return (this.word(StreamWord.FLAGS) & flag) !== 0;
  }

  /** Sets or clears a StreamFlag. */
  flag(flag: number, value: boolean): void {
    const flags = this.word(StreamWord.FLAGS);
    this.setWord(StreamWord.FLAGS, value ? flags | flag : flags & ~flag);
  }
}
