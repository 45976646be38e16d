import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BATCH_BYTES, BATCH_PACKETS, PacketBatchReader, PacketBatchWriter } from "./packet-framing.ts";

const NOTHING = new Uint8Array(0);

function read(batch: Uint8Array): { packets: Uint8Array[]; malformed: boolean } {
  const reader = new PacketBatchReader();
  reader.reset(batch);
  const packets: Uint8Array[] = [];
  while (reader.next()) packets.push(Uint8Array.from(batch.subarray(reader.offset, reader.offset + reader.length)));
  return { packets, malformed: reader.malformed };
}

describe("PacketBatchWriter and PacketBatchReader", () => {
  it("give back what was put in, whatever its size and however it was split", () => {
    const packet = fc.uint8Array({ minLength: 1, maxLength: 1500 });
    fc.assert(
      fc.property(fc.array(fc.tuple(packet, fc.nat(96))), (inputs) => {
        const writer = new PacketBatchWriter();
        const batches: Uint8Array[] = [];
        for (const [bytes, split] of inputs) {
          const head = Math.min(split, bytes.length);
          if (!writer.fits(bytes.length)) batches.push(writer.take());
          writer.append(bytes, 0, head, bytes, head, bytes.length - head);
        }
        batches.push(writer.take());
        const packets = batches.flatMap((batch) => read(batch).packets);
        expect(packets).toEqual(inputs.map(([bytes]) => bytes));
        expect(batches.every((batch) => batch.length <= BATCH_BYTES)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it("never fail on random bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const { packets, malformed } = read(bytes);
        const used = packets.reduce((sum, packet) => sum + packet.length + 2, 0);
        expect(malformed).toBe(used !== bytes.length);
      }),
    );
  });

  it("is ripe after a fixed number of packets and empty after being taken", () => {
    const writer = new PacketBatchWriter();
    for (let i = 0; i < BATCH_PACKETS; i++) {
      expect(writer.ripe).toBe(false);
      writer.append(Uint8Array.of(i), 0, 1, NOTHING, 0, 0);
    }
    expect(writer.ripe).toBe(true);
    const taken = writer.take();
    expect(writer.empty).toBe(true);
    writer.append(Uint8Array.of(255), 0, 1, NOTHING, 0, 0);
    expect(read(taken).packets.map((packet) => packet[0])).toEqual([...Array(BATCH_PACKETS).keys()]);
  });

  it("refuses what no batch can hold", () => {
    const writer = new PacketBatchWriter();
    expect(writer.fits(0)).toBe(false);
    expect(writer.fits(BATCH_BYTES)).toBe(false);
    expect(writer.fits(BATCH_BYTES - 2)).toBe(true);
  });
});
