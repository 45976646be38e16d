import { HANDSHAKE_HEADER_BYTES, MAX_HANDSHAKE_BYTES } from "./dtls-record.ts";

/** A whole handshake message (RFC 6347 §4.2.2). */
export interface DtlsHandshakeMessage {
  readonly type: number;
  readonly sequence: number;
  readonly body: Buffer;
}

/** Messages ahead of the next that are kept: a client's last flight has four. */
const MAX_AHEAD = 6;

interface PartialMessage {
  readonly type: number;
  readonly body: Buffer;
  readonly seen: Uint8Array;
  missing: number;
}

/**
 * Puts handshake messages together from fragments in any order, repeated or overlapping, and hands them out once each,
 * in sequence. Holds at most seven messages; fragments that contradict what is held, or are out of bounds, are dropped.
 */
export class DtlsHandshakeReassembler {
  #next = 0;
  readonly #partial = new Map<number, PartialMessage>();

  /**
   * Takes the fragments of one record and returns the messages that are now complete. `onRepeated` is told the type of
   * each fragment of a message that was handed out before: the peer repeats its flight.
   */
  push(
    fragments: Buffer,
    accepts: (type: number) => boolean,
    onRepeated: (type: number) => void,
  ): DtlsHandshakeMessage[] {
    let offset = 0;
    while (offset + HANDSHAKE_HEADER_BYTES <= fragments.length) {
      const type = fragments.readUInt8(offset);
      const length = fragments.readUIntBE(offset + 1, 3);
      const sequence = fragments.readUInt16BE(offset + 4);
      const start = fragments.readUIntBE(offset + 6, 3);
      const size = fragments.readUIntBE(offset + 9, 3);
      const body = offset + HANDSHAKE_HEADER_BYTES;
      if (body + size > fragments.length || start + size > length) break;
      if (accepts(type)) {
        if (sequence < this.#next) onRepeated(type);
        else this.#take(type, length, sequence, start, fragments.subarray(body, body + size));
      }
      offset = body + size;
    }
    return this.#complete();
  }

  #take(type: number, length: number, sequence: number, start: number, part: Buffer): void {
    if (sequence > this.#next + MAX_AHEAD || length > MAX_HANDSHAKE_BYTES) return;
    let message = this.#partial.get(sequence);
    if (message === undefined) {
      message = { type, body: Buffer.alloc(length), seen: new Uint8Array(length), missing: length };
      this.#partial.set(sequence, message);
    }
    if (message.type !== type || message.body.length !== length) return;
    for (let index = 0; index < part.length; index += 1) {
      if (message.seen[start + index] === 1) continue;
      message.seen[start + index] = 1;
      message.body[start + index] = part[index] ?? 0;
      message.missing -= 1;
    }
  }

  #complete(): DtlsHandshakeMessage[] {
    const messages: DtlsHandshakeMessage[] = [];
    for (;;) {
      const message = this.#partial.get(this.#next);
      if (message === undefined || message.missing > 0) return messages;
      this.#partial.delete(this.#next);
      messages.push({ type: message.type, sequence: this.#next, body: message.body });
      this.#next += 1;
    }
  }
}
