import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { IncomingPacket } from "./incoming-packet.ts";
import { MemoryStore } from "./memory-store.ts";
import { StreamRewriter } from "./stream-rewriter.ts";
import { StreamPlace, StreamTable } from "./stream-table.ts";

const STORE = new MemoryStore(1, 64);

interface PacketFields {
  readonly extSeq: number;
  readonly sourceKey: number;
  readonly timestamp: number;
  readonly pictureId: number;
  readonly tl0PictureIndex: number;
  readonly temporalId: number;
}

function packetOf(fields: PacketFields): IncomingPacket {
  return Object.assign(new IncomingPacket(STORE, 0), fields, { arrivalUs: 0 });
}

/** A source of frames with one packet each: two temporal layers, picture ids that wrap. */
function sourcePacket(sourceKey: number, index: number): PacketFields {
  return {
    extSeq: 0x1_0000 + 65_500 * (sourceKey % 2) + index,
    sourceKey,
    timestamp: (sourceKey * 1_000_003 + index * 3000) | 0,
    pictureId: (sourceKey * 7001 + index) & 0x7fff,
    tl0PictureIndex: (sourceKey * 31 + (index >> 1)) & 0xff,
    temporalId: index & 1,
  };
}

function rewriterFrom(nextOut: number): StreamRewriter {
  return new StreamRewriter(new StreamPlace(new StreamTable()), nextOut);
}

/** Goes over to the packet's source where it is another. */
function feed(rewriter: StreamRewriter, packet: IncomingPacket): void {
  if (packet.sourceKey === rewriter.sourceKey) return;
  rewriter.begin(packet, rewriter.highestOut + 1, (rewriter.lastTimestamp + 3000 - packet.timestamp) | 0);
}

describe("StreamRewriter", () => {
  test("a picture that came late, below a number that padding took, is behind what a switch begins with", () => {
    const rewriter = rewriterFrom(100);
    const packets = [0, 1, 2, 3].map((index) => packetOf(sourcePacket(2, index)));
    feed(rewriter, packets[0]);
    rewriter.map(packets[0]);
    rewriter.mapFiller(packets[2]);
    rewriter.map(packets[1]);
    const late = { pictureId: rewriter.pictureId, tl0: rewriter.tl0PictureIndex };
    const next = packetOf(sourcePacket(4, 0));
    feed(rewriter, next);
    rewriter.map(next);
    expect(rewriter.pictureId).toBe((late.pictureId + 1) & 0x7fff);
    expect(rewriter.tl0PictureIndex).toBe((late.tl0 + 1) & 0xff);
  });

  test("random switches, drops, losses and reordering: numbers are dense but for losses, never reused", () => {
    const step = fc.record({
      fate: fc.constantFrom("sent", "sent", "sent", "left out", "lost", "late"),
      switches: fc.integer({ min: 0, max: 12 }).map((n) => n === 0),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 2, maxLength: 200 }), (steps) => {
        const rewriter = rewriterFrom(100);
        const numbers = new Set<number>();
        const sent: { number: number; pictureId: number; tl0: number; timestamp: number }[] = [];
        const made: { number: number; packet: IncomingPacket; timestamp: number; pictureId: number; tl0: number }[] =
          [];
        let late: IncomingPacket[] = [];
        let holes = 0;
        let key = 1;
        let index = 0;
        const send = (packet: IncomingPacket): void => {
          feed(rewriter, packet);
          const number = rewriter.map(packet);
          expect(number).toBeGreaterThanOrEqual(100);
          expect(numbers.has(number)).toBe(false);
          numbers.add(number);
          const timestamp = (packet.timestamp + rewriter.timestampOffset) | 0;
          sent.push({ number, pictureId: rewriter.pictureId, tl0: rewriter.tl0PictureIndex, timestamp });
          made.push({ number, packet, timestamp, pictureId: rewriter.pictureId, tl0: rewriter.tl0PictureIndex });
        };
        for (const { fate, switches } of steps) {
          if (switches) {
            key++;
            index = 0;
            late = [];
          }
          const packet = packetOf(sourcePacket(key, index++));
          const first = packet.sourceKey !== rewriter.sourceKey;
          if (first || fate === "sent") {
            send(packet);
            for (const overtaken of late) send(overtaken);
            late = [];
          } else if (fate === "left out" && packet.temporalId > 0) {
            expect(rewriter.drop(packet)).toBe(true);
          } else if (fate === "late") {
            late.push(packet);
          } else {
            holes++;
          }
        }
        for (const { number, packet, timestamp, pictureId, tl0 } of made.slice(-40)) {
          const segment = rewriter.segmentOf(number);
          expect(segment?.sourceKey).toBe(packet.sourceKey);
          expect(number - (segment?.sequenceOffset ?? 0)).toBe(packet.extSeq);
          expect((packet.timestamp + (segment?.timestampOffset ?? 0)) | 0).toBe(timestamp);
          expect((packet.pictureId + (segment?.pictureIdOffset ?? 0)) & 0x7fff).toBe(pictureId);
          expect((packet.tl0PictureIndex + (segment?.tl0Offset ?? 0)) & 0xff).toBe(tl0);
        }
        const ordered = sent.sort((a, b) => a.number - b.number);
        expect(ordered[0].number).toBe(100);
        expect((ordered.at(-1)?.number ?? 0) - 100 + 1 - ordered.length).toBeLessThanOrEqual(holes);
        for (let i = 1; i < ordered.length; i++) {
          const [before, after] = [ordered[i - 1], ordered[i]];
          const gap = after.number - before.number;
          expect((after.pictureId - before.pictureId) & 0x7fff).toBe(gap);
          expect((after.tl0 - before.tl0) & 0xff).toBeLessThanOrEqual(gap);
          expect((after.timestamp - before.timestamp) | 0).toBeGreaterThan(0);
        }
      }),
    );
  });

  test("packets before the first one of a source are refused", () => {
    const rewriter = rewriterFrom(0);
    feed(rewriter, packetOf(sourcePacket(1, 5)));
    expect(rewriter.map(packetOf(sourcePacket(1, 5)))).toBe(0);
    expect(rewriter.map(packetOf(sourcePacket(1, 4)))).toBe(-1);
  });

  test("a late packet cannot be left out any more; padding may take its number", () => {
    const rewriter = rewriterFrom(0);
    feed(rewriter, packetOf(sourcePacket(1, 0)));
    rewriter.map(packetOf(sourcePacket(1, 0)));
    rewriter.map(packetOf(sourcePacket(1, 2)));
    const late = packetOf(sourcePacket(1, 1));
    expect(rewriter.drop(late)).toBe(false);
    expect(rewriter.isLeftOut(late)).toBe(false);
    expect(rewriter.mapFiller(late)).toBe(1);
  });

  test("late packets before a drop keep the offset of their time, older ones than remembered are refused", () => {
    const rewriter = rewriterFrom(0);
    feed(rewriter, packetOf(sourcePacket(1, 0)));
    rewriter.map(packetOf(sourcePacket(1, 0)));
    for (let index = 3; index < 203; index += 2) {
      expect(rewriter.drop(packetOf(sourcePacket(1, index)))).toBe(true);
      rewriter.map(packetOf(sourcePacket(1, index + 1)));
    }
    expect(rewriter.map(packetOf(sourcePacket(1, 1)))).toBe(-1);
    expect(rewriter.isLeftOut(packetOf(sourcePacket(1, 201)))).toBe(true);
  });
});
