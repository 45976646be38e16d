import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { IncomingPacket } from "./incoming-packet.ts";
import { MemoryStore } from "./memory-store.ts";
import { PacketHistory } from "./packet-history.ts";

const STORE = new MemoryStore(1, 64);

describe("PacketHistory", () => {
  test("gives back what was put in, as long as nothing newer took its place", () => {
    const packet = fc.record({
      extSeq: fc.integer({ min: 0xffff_fff0, max: 0x1_0000_0030 }),
      slot: fc.integer({ min: 0, max: 0xf_ffff }),
      generation: fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff }),
      pictureId: fc.integer({ min: -1, max: 0x7fff }),
      tl0PictureIndex: fc.integer({ min: 0, max: 255 }),
    });
    fc.assert(
      fc.property(fc.array(packet, { maxLength: 60 }), (packets) => {
        const history = new PacketHistory(16);
        const model = new Map<number, (typeof packets)[number]>();
        for (const put of packets) {
          history.put(Object.assign(new IncomingPacket(STORE, 0), put));
          if ((model.get(put.extSeq & 15)?.extSeq ?? 0) <= put.extSeq) model.set(put.extSeq & 15, put);
        }
        for (const { extSeq } of packets) {
          const entry = history.find(extSeq);
          const kept = model.get(extSeq & 15);
          expect(entry >= 0).toBe(kept?.extSeq === extSeq);
          if (entry < 0) continue;
          expect({
            extSeq,
            slot: history.slotOf(entry),
            generation: history.generationOf(entry),
            pictureId: history.pictureIdOf(entry),
            tl0PictureIndex: history.tl0PictureIndexOf(entry),
          }).toEqual(kept);
        }
      }),
    );
  });

  test("an empty history knows nothing, not even number 0; nor does a cleared one", () => {
    const history = new PacketHistory(16);
    expect(history.find(0)).toBe(-1);
    history.put(Object.assign(new IncomingPacket(STORE, 0), { extSeq: 3 }));
    expect(history.find(3)).toBe(3);
    history.clear();
    expect(history.find(3)).toBe(-1);
  });
});
