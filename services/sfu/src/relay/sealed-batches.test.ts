import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BatchOpener, BatchSealer } from "./sealed-batches.ts";

function pair(): { sealer: BatchSealer; opener: BatchOpener } {
  const sealer = new BatchSealer("relay.a.t.1");
  return { sealer, opener: BatchOpener.create(sealer.publication) as BatchOpener };
}

describe("sealed batches", () => {
  it("come back as they were", () => {
    const { sealer, opener } = pair();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5_000 }), (bytes) => {
        const sealed = sealer.seal(bytes);
        expect(sealed.length).toBe(bytes.length + 24);
        expect(opener.open(sealed)).toEqual(Buffer.from(bytes));
      }),
    );
    expect(opener.drops).toBe(0);
  });

  it("are taken once, and none that is older", () => {
    const { sealer, opener } = pair();
    const [first, second] = [sealer.seal(Buffer.from("1")), sealer.seal(Buffer.from("2"))];
    expect(opener.open(second)?.toString()).toBe("2");
    expect(opener.open(second)).toBeUndefined();
    expect(opener.open(first)).toBeUndefined();
    expect(opener.drops).toBe(2);
  });

  it("are not taken when a bit is another, from another publication, or cut short", () => {
    const { sealer, opener } = pair();
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 100 }), fc.nat(), (bytes, at) => {
        const sealed = sealer.seal(bytes);
        const spoilt = Buffer.from(sealed);
        spoilt[at % spoilt.length] ^= 1 + (at % 255);
        expect(opener.open(spoilt)).toBeUndefined();
        expect(opener.open(sealed.subarray(0, at % sealed.length))).toBeUndefined();
        expect(opener.open(sealed)).toBeDefined();
      }),
    );
    expect(opener.open(new BatchSealer("relay.a.t.1").seal(Buffer.from("x")))).toBeUndefined();
    const { key, salt } = sealer.publication;
    const elsewhere = BatchOpener.create({ subject: "relay.a.t.2", key, salt });
    expect(elsewhere?.open(sealer.seal(Buffer.from("x")))).toBeUndefined();
  });

  it("are not opened with keys that make no sense", () => {
    const { subject, key, salt } = new BatchSealer("s").publication;
    expect(BatchOpener.create({ subject, key: key.subarray(1), salt })).toBeUndefined();
    expect(BatchOpener.create({ subject, key, salt: Buffer.alloc(0) })).toBeUndefined();
  });
});
