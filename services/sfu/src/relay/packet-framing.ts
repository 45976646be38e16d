/**
 * Packets one after another, each behind its length (uint16, big endian), as RFC 4571 frames them on a stream: the
 * content of cation.relay.v1.PacketBatch.
 */

/** A batch goes out when it holds this many packets … */
export const BATCH_PACKETS = 16;
/** … or this many bytes. */
export const BATCH_BYTES = 48 * 1024;

const LENGTH_BYTES = 2;

/** Collects packets until they are worth a message. */
export class PacketBatchWriter {
  readonly #bytes = Buffer.allocUnsafeSlow(BATCH_BYTES);
  #length = 0;
  #packets = 0;

  get packets(): number {
    return this.#packets;
  }

  get empty(): boolean {
    return this.#packets === 0;
  }

  /** Whether it should be taken now. */
  get ripe(): boolean {
    return this.#packets >= BATCH_PACKETS;
  }

  /** Whether a packet of this length still fits. One that never fits (0, or longer than a batch) does not fit. */
  fits(packetBytes: number): boolean {
    return packetBytes > 0 && this.#length + LENGTH_BYTES + packetBytes <= BATCH_BYTES;
  }

  /** Adds a packet made of two pieces of memory, of which the second may be empty. The caller has asked `fits`. */
  append(
    head: Uint8Array,
    headOffset: number,
    headBytes: number,
    rest: Uint8Array,
    restOffset: number,
    restBytes: number,
  ): void {
    const target = this.#bytes;
    target.writeUInt16BE(headBytes + restBytes, this.#length);
    let position = this.#length + LENGTH_BYTES;
    for (let i = 0; i < headBytes; i++) target[position + i] = head[headOffset + i];
    position += headBytes;
    if (restBytes > 0) target.set(rest.subarray(restOffset, restOffset + restBytes), position);
    this.#length = position + restBytes;
    this.#packets += 1;
  }

  /** The batch in memory of its own (messages may wait in a queue); the writer is empty after it. */
  take(): Buffer {
    const taken = Buffer.from(this.#bytes.subarray(0, this.#length));
    this.#length = 0;
    this.#packets = 0;
    return taken;
  }
}

/** Walks over the packets of a received batch. Lengths that lie end the walk and are reported. */
export class PacketBatchReader {
  #bytes: Uint8Array = new Uint8Array(0);
  #position = 0;
  /** Where the current packet starts, and its length. */
  offset = 0;
  length = 0;
  /** The batch ended inside a packet, or held an empty one. What came before it is good. */
  malformed = false;

  reset(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#position = 0;
    this.offset = 0;
    this.length = 0;
    this.malformed = false;
  }

  /** Moves to the next packet; false at the end. */
  next(): boolean {
    const start = this.#position + LENGTH_BYTES;
    if (start > this.#bytes.length) {
      this.malformed = this.#position !== this.#bytes.length;
      return false;
    }
    const length = (this.#bytes[start - 2] << 8) | this.#bytes[start - 1];
    if (length === 0 || start + length > this.#bytes.length) {
      this.malformed = true;
      return false;
    }
    this.offset = start;
    this.length = length;
    this.#position = start + length;
    return true;
  }
}
