import { NOT_RECEIVED, TransportFeedbackWriter } from "@cation/rtp/rtcp-transport-feedback-writer";
import { TransportFeedbackReader } from "@cation/rtp/rtcp-transport-feedback";
import type { SeqNum, Ssrc } from "@cation/rtp/units";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FeedbackBatch } from "./feedback-batch.ts";
import { NO_PROBE, SentPacketHistory } from "./sent-packet-history.ts";
import { TransportFeedbackAdapter } from "./transport-feedback-adapter.ts";

const bytes = new Uint8Array(16_384);

class Fixture {
  readonly history = new SentPacketHistory();
  readonly adapter = new TransportFeedbackAdapter(this.history);
  readonly batch = new FeedbackBatch();
  readonly reader = new TransportFeedbackReader();
  readonly #writer = new TransportFeedbackWriter();

  send(first: number, count: number): void {
    for (let i = 0; i < count; i++) {
      this.history.record(((first + i) & 0xffff) as SeqNum, 1_000 * i, 100 + i, NO_PROBE);
    }
  }

  feed(base: number, arrivalsUs: number[], nowUs = 0): boolean {
    const arrivals = Float64Array.from(arrivalsUs);
    const end = this.#writer.write(
      bytes,
      0,
      bytes.length,
      1 as Ssrc,
      2 as Ssrc,
      base as SeqNum,
      arrivals,
      0,
      arrivals.length,
      0,
    );
    expect(this.reader.set(bytes, 0, end)).toBe(true);
    return this.adapter.read(this.reader, this.batch, nowUs);
  }
}

describe("TransportFeedbackAdapter", () => {
  test("gives received packets in order of arrival, and sums what was lost", () => {
    const fixture = new Fixture();
    fixture.send(65_534, 4);
    expect(fixture.feed(65_534, [70_000, 72_000, NOT_RECEIVED, 71_000])).toBe(true);
    const { batch } = fixture;
    expect([...batch.arrivalUs.subarray(0, 3)]).toEqual([70_000, 71_000, 72_000]);
    expect([...batch.sentUs.subarray(0, 3)]).toEqual([0, 3_000, 1_000]);
    expect([batch.reportedPackets, batch.lostPackets, batch.lostBytes]).toEqual([4, 1, 102]);
    expect([batch.firstSentUs, batch.lastSentUs]).toEqual([0, 3_000]);
  });

  test("counts duplicates and takes back losses", () => {
    const fixture = new Fixture();
    fixture.send(0, 3);
    fixture.feed(0, [64_000, NOT_RECEIVED, 64_250]);
    expect(fixture.feed(0, [64_000, 65_000, 64_250])).toBe(true);
    expect(fixture.adapter.counters.duplicates).toBe(2);
    expect([fixture.batch.recoveredPackets, fixture.batch.receivedCount]).toEqual([1, 1]);
    expect(fixture.feed(0, [64_000, 65_000, 64_250])).toBe(false);
  });

  test("lies about packets that were never sent are counted, and nothing else", () => {
    const fixture = new Fixture();
    fixture.send(100, 2);
    expect(fixture.feed(500, [64_000, 64_000])).toBe(false);
    expect(fixture.adapter.counters.unknown).toBe(2);
    expect(fixture.history.inFlightBytes).toBe(201);
  });

  test("a clock that is set anew goes on where it was", () => {
    const fixture = new Fixture();
    fixture.send(0, 2);
    fixture.feed(0, [64_000_000], 1_000_000);
    fixture.feed(1, [6_400_000_000], 1_050_000);
    expect(fixture.adapter.counters.clockJumps).toBe(1);
    expect(fixture.batch.arrivalUs[0]).toBe(64_050_000);
  });

  test("any bytes leave it sane", () => {
    const body = fc.uint8Array({ minLength: 8, maxLength: 400 });
    fc.assert(
      fc.property(fc.array(body, { maxLength: 20 }), (bodies) => {
        const fixture = new Fixture();
        fixture.send(0, 1_000);
        for (const [i, part] of bodies.entries()) {
          const length = (12 + part.length + 3) & ~3;
          const message = new Uint8Array(length);
          message.set([0x8f, 205, (length / 4 - 1) >> 8, (length / 4 - 1) & 0xff]);
          message.set(part, 12);
          if (fixture.reader.set(message, 0, length)) fixture.adapter.read(fixture.reader, fixture.batch, i * 50_000);
          expect(fixture.history.inFlightBytes).toBeGreaterThanOrEqual(0);
          for (let n = 1; n < fixture.batch.receivedCount; n++) {
            expect(fixture.batch.arrivalUs[n]).toBeGreaterThanOrEqual(fixture.batch.arrivalUs[n - 1]);
          }
        }
      }),
    );
  });
});
