import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DtlsHandshakeReassembler } from "./dtls-handshake-reassembler.ts";
import type { DtlsHandshakeMessage } from "./dtls-handshake-reassembler.ts";

interface Part {
  readonly message: DtlsHandshakeMessage;
  readonly start: number;
  readonly size: number;
}

function write({ message, start, size }: Part, length = message.body.length): Buffer {
  const header = Buffer.alloc(12);
  header.writeUInt8(message.type, 0);
  header.writeUIntBE(length, 1, 3);
  header.writeUInt16BE(message.sequence, 4);
  header.writeUIntBE(start, 6, 3);
  header.writeUIntBE(size, 9, 3);
  return Buffer.concat([header, message.body.subarray(start, start + size)]);
}

const message = (sequence: number, body: string, type = 11): DtlsHandshakeMessage => ({
  type,
  sequence,
  body: Buffer.from(body),
});
const whole = (one: DtlsHandshakeMessage): Buffer => write({ message: one, start: 0, size: one.body.length });

function push(reassembler: DtlsHandshakeReassembler, bytes: Buffer, repeated: number[] = []): DtlsHandshakeMessage[] {
  return reassembler.push(
    bytes,
    () => true,
    (type) => repeated.push(type),
  );
}

describe("DtlsHandshakeReassembler", () => {
  it("gives every message once and in order, however it was cut, repeated and shuffled", () => {
    const bodies = fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 5 });
    const cuts = fc.array(fc.tuple(fc.nat(40), fc.nat(40)), { maxLength: 20 });
    fc.assert(
      fc.property(bodies, cuts, fc.infiniteStream(fc.nat()), (raw, extra, order) => {
        const messages = raw.map((body, sequence) => ({ type: sequence + 1, sequence, body: Buffer.from(body) }));
        const parts: Part[] = messages.flatMap((one) => {
          const { length } = one.body;
          const half = Math.floor(length / 2);
          return [
            { message: one, start: half, size: length - half },
            { message: one, start: 0, size: half },
            ...extra
              .filter(([start, size]) => start + size <= length)
              .map(([start, size]) => ({ message: one, start, size })),
          ];
        });
        const shuffled = parts
          .map((part) => [order.next().value ?? 0, part] as const)
          .toSorted(([a], [b]) => a - b)
          .map(([, part]) => part);
        const reassembler = new DtlsHandshakeReassembler();
        const seen = shuffled.flatMap((part) => push(reassembler, write(part)));
        expect(seen).toEqual(messages);
      }),
    );
  });

  it("says when a message comes again", () => {
    const reassembler = new DtlsHandshakeReassembler();
    const repeated: number[] = [];
    push(reassembler, whole(message(0, "hello", 1)), repeated);
    expect(push(reassembler, whole(message(0, "hello", 1)), repeated)).toEqual([]);
    expect(repeated).toEqual([1]);
  });

  it("does not let a later fragment change what it has", () => {
    const reassembler = new DtlsHandshakeReassembler();
    push(reassembler, write({ message: message(0, "abcd"), start: 0, size: 3 }));
    push(reassembler, write({ message: message(0, "xxxx"), start: 0, size: 2 }));
    push(reassembler, write({ message: message(0, "xxxx", 12), start: 0, size: 4 }));
    push(reassembler, write({ message: message(0, "xxxx"), start: 0, size: 4 }, 5));
    const [done] = push(reassembler, write({ message: message(0, "abcd"), start: 3, size: 1 }));
    expect(done?.body.toString()).toBe("abcd");
  });

  it("keeps nothing that is too big or too far ahead", () => {
    const reassembler = new DtlsHandshakeReassembler();
    push(reassembler, write({ message: message(0, "abcd"), start: 0, size: 4 }, 20_000));
    push(reassembler, whole(message(7, "abcd")));
    const messages = Array.from({ length: 8 }, (_, sequence) => message(sequence, String(sequence)));
    const seen = messages.slice(0, 7).flatMap((one) => push(reassembler, whole(one)));
    expect(seen).toEqual(messages.slice(0, 7));
    expect(push(reassembler, whole(message(7, "7")))).toHaveLength(1);
  });

  it("leaves out what is not accepted here", () => {
    const reassembler = new DtlsHandshakeReassembler();
    const ignored = reassembler.push(
      whole(message(0, "plain", 20)),
      (type) => type !== 20,
      () => {},
    );
    expect(ignored).toEqual([]);
    expect(push(reassembler, whole(message(0, "sealed", 20)))).toHaveLength(1);
  });
});
