import { TransportFeedbackReader, ReferenceTimeUnwrapper, DELTA_TICK_US } from "@cation/rtp/rtcp-transport-feedback";
import { TransportFeedbackWriter } from "@cation/rtp/rtcp-transport-feedback-writer";
import { seqOf } from "@cation/rtp/sequence";
import type { Ssrc } from "@cation/rtp/units";
import fc from "fast-check";
import { expect, test } from "vitest";
import { ArrivalLog } from "./arrival-log.ts";

const START_US = 5_000_000;

/** Everything that is pending, as a sender reads it: arrival by number, -1 where it was called lost. */
function readAll(log: ArrivalLog, into = new Map<number, number>()): Map<number, number> {
  const writer = new TransportFeedbackWriter();
  const reader = new TransportFeedbackReader();
  const bytes = new Uint8Array(1200);
  const reference = new ReferenceTimeUnwrapper();
  while (log.pending) {
    const end = log.write(writer, bytes, 0, 7 as Ssrc);
    if (end <= 0) continue;
    expect(reader.set(bytes, 0, end)).toBe(true);
    expect(reader.mediaSsrc).toBe(9);
    const baseUs = reference.unwrapUs(reader.referenceTime);
    while (reader.next()) {
      if (reader.received) into.set(reader.sequenceNumber, baseUs + reader.arrivalUs);
      else if (!into.has(reader.sequenceNumber)) into.set(reader.sequenceNumber, -1);
    }
  }
  return into;
}

test("reports each packet with its arrival, whatever is lost, late or doubled", () => {
  const packet = fc.record({
    step: fc.integer({ min: 1, max: 40 }),
    delayUs: fc.integer({ min: 0, max: 30_000 }),
    twice: fc.boolean(),
    reportAfter: fc.boolean(),
  });
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 0xffff }),
      fc.array(packet, { minLength: 1, maxLength: 400 }),
      (first, packets) => {
        const log = new ArrivalLog();
        const expected = new Map<number, number>();
        const reported = new Map<number, number>();
        let number = first;
        let nowUs = START_US;
        for (const { step, delayUs, twice, reportAfter } of packets) {
          number += step;
          nowUs += delayUs;
          log.receive(seqOf(number), 9, nowUs);
          if (twice) log.receive(seqOf(number), 9, nowUs + 5_000);
          expected.set(seqOf(number), nowUs);
          if (reportAfter) readAll(log, reported);
        }
        readAll(log, reported);
        for (const [sequenceNumber, arrivalUs] of expected) {
          const told = reported.get(sequenceNumber) ?? Number.NaN;
          expect(Math.abs(told - arrivalUs)).toBeLessThanOrEqual(DELTA_TICK_US);
        }
        expect([...reported.values()].filter((arrivalUs) => arrivalUs >= 0)).toHaveLength(expected.size);
      },
    ),
    { numRuns: 200 },
  );
});

test("a late packet is told of after the report that called it lost", () => {
  const log = new ArrivalLog();
  for (const number of [10, 11, 13]) log.receive(seqOf(number), 9, START_US + number * 1000);
  expect(readAll(log).get(12)).toBe(-1);
  expect(log.pending).toBe(false);
  log.receive(seqOf(12), 9, START_US + 20_000);
  expect(readAll(log).get(12)).toBe(START_US + 20_000);
  log.receive(seqOf(12), 9, START_US + 21_000);
  expect(log.pending).toBe(false);
});

test("a sender that jumps costs no more than the ring", () => {
  const log = new ArrivalLog();
  for (let i = 0; i < 200; i++) log.receive(seqOf(i * 30_000), 9, START_US + i * 1000);
  expect([...readAll(log).values()].filter((arrivalUs) => arrivalUs >= 0).length).toBeLessThanOrEqual(2);
  expect(log.packets).toBe(200);
});

test("grows with the rate and forgets what nobody asked for", () => {
  const log = new ArrivalLog();
  for (let i = 0; i < 3000; i++) log.receive(seqOf(65_000 + i), 9, START_US + i * 100);
  const reported = readAll(log);
  expect([...reported.values()].filter((arrivalUs) => arrivalUs >= 0)).toHaveLength(3000);
});
