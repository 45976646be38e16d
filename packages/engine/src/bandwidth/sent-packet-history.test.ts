import fc from "fast-check";
import type { SeqNum } from "@cation/rtp/units";
import { describe, expect, test } from "vitest";
import { NO_PROBE, SentPacketHistory, SentState } from "./sent-packet-history.ts";

function send(history: SentPacketHistory, sequenceNumber: number, sentUs: number, bytes = 100): void {
  history.record((sequenceNumber & 0xffff) as SeqNum, sentUs, bytes, NO_PROBE);
}

describe("SentPacketHistory", () => {
  test("finds what was sent, across the wrap, and nothing else", () => {
    const history = new SentPacketHistory();
    for (let n = 65_530; n < 65_546; n++) send(history, n, n);
    expect(history.sentUs[history.find(65_535 as SeqNum)]).toBe(65_535);
    expect(history.sentUs[history.find(3 as SeqNum)]).toBe(65_539);
    expect(history.find(10 as SeqNum)).toBe(-1);
    expect(history.find(65_529 as SeqNum)).toBe(-1);
    expect(new SentPacketHistory().find(0 as SeqNum)).toBe(-1);
  });

  test("counts bytes in flight until they are reported or passed by", () => {
    const history = new SentPacketHistory();
    for (let n = 0; n < 10; n++) send(history, n, n);
    expect(history.inFlightBytes).toBe(1_000);
    history.report(history.find(4 as SeqNum), true);
    expect(history.inFlightBytes).toBe(500);
    expect(history.state[history.find(2 as SeqNum)]).toBe(SentState.PASSED);
    history.report(history.find(2 as SeqNum), false);
    history.report(history.find(4 as SeqNum), true);
    expect(history.inFlightBytes).toBe(500);
  });

  test("grows while packets are young, then overwrites", () => {
    const history = new SentPacketHistory();
    for (let n = 0; n < 20_000; n++) send(history, n, n * 10);
    expect(history.capacity).toBe(8_192);
    expect(history.overwritten).toBe(20_000 - 8_192);
    expect(history.inFlightBytes).toBe(8_192 * 100);
    const old = new SentPacketHistory();
    for (let n = 0; n < 2_000; n++) send(old, n, n * 10_000);
    expect(old.capacity).toBe(512);
  });

  test("bytes in flight are the sum of flying packets, whatever happens", () => {
    const step = fc.record({ skip: fc.integer({ min: 1, max: 40 }), report: fc.integer({ min: 0, max: 600 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const history = new SentPacketHistory();
        let sequenceNumber = 65_000;
        for (const [i, { skip, report }] of steps.entries()) {
          sequenceNumber += skip;
          send(history, sequenceNumber, i * 100_000);
          const slot = history.find(((sequenceNumber - report) & 0xffff) as SeqNum);
          if (slot >= 0) history.report(slot, report % 2 === 0);
        }
        let flying = 0;
        for (let slot = 0; slot < history.capacity; slot++) {
          if (history.state[slot] === SentState.FLYING) flying += history.bytes[slot];
        }
        expect(history.inFlightBytes).toBe(flying);
      }),
    );
  });
});
