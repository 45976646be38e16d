import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RetransmissionCache } from "./retransmission-cache.ts";

describe("RetransmissionCache", () => {
  test("gives back what was put in, as long as nothing newer took its place", () => {
    const entry = fc.record({
      sequenceNumber: fc.integer({ min: 0, max: 0xffff }),
      slot: fc.integer({ min: 0, max: 0xff_ffff }),
      generation: fc.integer({ min: 0, max: 0xffff_ffff }),
      timestamp: fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff }),
      pictureId: fc.integer({ min: -1, max: 0x7fff }),
      tl0: fc.integer({ min: 0, max: 255 }),
      marker: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 60 }), (entries) => {
        const cache = new RetransmissionCache(16, false);
        const model = new Map<number, (typeof entries)[number]>();
        for (const put of entries) {
          const { sequenceNumber, slot, generation, timestamp, pictureId, tl0, marker } = put;
          cache.put(sequenceNumber, slot, generation | 0, timestamp, pictureId, tl0, marker);
          model.set(sequenceNumber & 15, put);
        }
        for (const put of entries) {
          const found = cache.find(put.sequenceNumber);
          const kept = model.get(put.sequenceNumber & 15);
          if (kept?.sequenceNumber !== put.sequenceNumber) {
            expect(found).toBe(-1);
            continue;
          }
          expect(cache.slotOf(found)).toBe(kept.slot);
          expect(cache.generationOf(found)).toBe(kept.generation);
          expect(cache.rtpTimestampOf(found)).toBe(kept.timestamp);
          expect(cache.pictureIdOf(found)).toBe(kept.pictureId);
          expect(cache.tl0PictureIndexOf(found)).toBe(kept.tl0);
          expect(cache.forcedMarkerOf(found)).toBe(kept.marker);
          expect(cache.resendsOf(found)).toBe(0);
        }
      }),
    );
  });

  test("an empty cache knows nothing, not even number 0; nor does a cleared one", () => {
    const cache = new RetransmissionCache(16, true);
    expect(cache.find(0)).toBe(-1);
    cache.put(0, 1, 1, 1, -1, -1, false);
    expect(cache.find(0)).toBe(0);
    cache.clear();
    expect(cache.find(0)).toBe(-1);
  });

  test("counts resends without disturbing the rest, and keeps stamps", () => {
    const cache = new RetransmissionCache(16, true);
    cache.put(5, 1, 2, 3, 0x1234, 0xab, true);
    cache.putStamps(5, 0xab_cdef, 0x9999);
    for (let i = 0; i < 20; i++) cache.markResent(5, 70_000 + i);
    expect(cache.resendsOf(5)).toBe(15);
    expect(cache.sinceResentMs(5, 70_029)).toBe(10);
    expect(cache.tl0PictureIndexOf(5)).toBe(0xab);
    expect(cache.forcedMarkerOf(5)).toBe(true);
    expect(cache.absSendTimeOf(5)).toBe(0xab_cdef);
    expect(cache.transportSequenceOf(5)).toBe(0x9999);
    expect(cache.find(5)).toBe(5);
  });
});
