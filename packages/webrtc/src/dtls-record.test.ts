import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ContentType, DTLS_1_2, isPlausibleDtls, readRecords, writeRecord } from "./dtls-record.ts";

const record = fc.record({
  type: fc.constantFrom(20, 21, 22, 23),
  version: fc.constantFrom(0xfefd, 0xfeff),
  epoch: fc.nat(0xffff),
  sequenceNumber: fc.nat({ max: 2 ** 48 - 1 }),
  fragment: fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
});

const plain = (type: number, hex: string): Buffer =>
  writeRecord({ type, version: DTLS_1_2, epoch: 0, sequenceNumber: 1, fragment: Buffer.from(hex, "hex") });

describe("readRecords", () => {
  it("reads what writeRecord writes", () => {
    fc.assert(
      fc.property(fc.array(record, { maxLength: 5 }), (records) => {
        expect(readRecords(Buffer.concat(records.map(writeRecord)))).toEqual(records);
      }),
    );
  });

  it("keeps what stands before the first that is none", () => {
    const good = plain(ContentType.ALERT, "0228");
    for (const bad of ["", "16", "16fefd000000000000000100ff", "40fefd00000000000000010000"]) {
      expect(readRecords(Buffer.concat([good, Buffer.from(bad, "hex")]))).toHaveLength(1);
    }
  });

  it("survives any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const datagram = Buffer.from(bytes);
        const length = readRecords(datagram).reduce((sum, { fragment }) => sum + 13 + fragment.length, 0);
        expect(length).toBeLessThanOrEqual(datagram.length);
        isPlausibleDtls(datagram);
      }),
    );
  });
});

describe("isPlausibleDtls", () => {
  it.each([
    ["a handshake message", plain(22, "010000020000000000000002abcd")],
    ["a fragment of one", plain(22, "010000020000000001000001cd")],
    ["two messages", plain(22, "0e00000000000000000000000e0000000001000000000000")],
    ["an alert", plain(21, "0228")],
    ["a change of cipher", plain(20, "01")],
    ["two records", Buffer.concat([plain(20, "01"), plain(21, "0228")])],
    [
      "whatever is encrypted",
      writeRecord({ type: 23, version: DTLS_1_2, epoch: 1, sequenceNumber: 1, fragment: Buffer.alloc(9) }),
    ],
  ])("takes %s", (_, datagram) => {
    expect(isPlausibleDtls(datagram)).toBe(true);
  });

  it.each([
    ["nothing", Buffer.alloc(0)],
    ["something behind the record", Buffer.concat([plain(21, "0228"), Buffer.of(0)])],
    ["data in the clear", plain(23, "6162")],
    ["an alert that is too long", plain(21, "022800")],
    ["another change of cipher", plain(20, "02")],
    ["an empty handshake", plain(22, "")],
    ["a huge message", plain(22, "0bffffff0003000000000000")],
    ["a fragment past the end of its message", plain(22, "010000020000000002000001cd")],
    ["a fragment past the end of the record", plain(22, "010000020000000000000002ab")],
    ["half a header", plain(22, "010000020000")],
  ])("does not take %s", (_, datagram) => {
    expect(isPlausibleDtls(datagram)).toBe(false);
  });
});
