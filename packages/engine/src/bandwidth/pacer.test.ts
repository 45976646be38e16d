import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DEFAULT_PACER, Pacer, PacerClass } from "./pacer.ts";
import type { PacerOutput } from "./pacer.ts";
import { NO_PROBE } from "./sent-packet-history.ts";

class Output implements PacerOutput {
  readonly released: { handle: number; packetClass: PacerClass; probeCluster: number; bytes: number }[] = [];
  readonly discardedHandles: number[] = [];
  readonly paddings: number[] = [];
  canPad = true;

  release(handle: number, bytes: number, packetClass: PacerClass, probeCluster: number): number {
    this.released.push({ handle, packetClass, probeCluster, bytes });
    return bytes;
  }

  padding(bytes: number, probeCluster: number): number {
    if (!this.canPad) return 0;
    this.paddings.push(probeCluster);
    return bytes;
  }

  discarded(handle: number): void {
    this.discardedHandles.push(handle);
  }
}

describe("Pacer", () => {
  test("spreads video, in bursts that are bounded", () => {
    const pacer = new Pacer();
    const output = new Output();
    pacer.setRates(1_200_000, 0, 0);
    for (let i = 0; i < 30; i++) pacer.enqueue(PacerClass.VIDEO, i, 1_000, 0);
    pacer.poll(0, output);
    expect(output.released.length).toBeLessThanOrEqual(2);
    for (let nowUs = 1_000; nowUs <= 100_000; nowUs += 1_000) pacer.poll(nowUs, output);
    expect(output.released.length).toBeGreaterThanOrEqual(14);
    expect(output.released.length).toBeLessThanOrEqual(18);
    expect(pacer.nextReleaseUs(100_000)).toBeGreaterThan(100_000);
  });

  test("audio leaves at once, retransmissions before video", () => {
    const pacer = new Pacer();
    const output = new Output();
    pacer.setRates(100_000, 0, 0);
    for (let i = 0; i < 3; i++) pacer.enqueue(PacerClass.VIDEO, i, 1_000, 0);
    pacer.enqueue(PacerClass.RETRANSMISSION, 10, 1_000, 0);
    pacer.enqueue(PacerClass.AUDIO, 20, 100, 0);
    pacer.enqueue(PacerClass.AUDIO, 21, 100, 0);
    expect(pacer.nextReleaseUs(0)).toBe(0);
    pacer.poll(0, output);
    expect(output.released.map(({ handle }) => handle)).toEqual([20, 21, 10]);
  });

  test("video is not starved by retransmissions", () => {
    const pacer = new Pacer();
    const output = new Output();
    pacer.setRates(1_000_000, 0, 0);
    for (let i = 0; i < 50; i++) pacer.enqueue(PacerClass.VIDEO, i, 1_000, 0);
    for (let i = 0; i < 500; i++) pacer.enqueue(PacerClass.RETRANSMISSION, 1_000 + i, 1_000, 0);
    for (let nowUs = 0; nowUs < 200_000; nowUs += 1_000) pacer.poll(nowUs, output);
    let passes = 0;
    for (const { packetClass } of output.released) {
      passes = packetClass === PacerClass.VIDEO ? 0 : passes + 1;
      expect(passes).toBeLessThanOrEqual(9);
    }
  });

  test("a probe has its own rate, uses media, then padding, and ends", () => {
    const pacer = new Pacer();
    const output = new Output();
    pacer.setRates(100_000, 0, 0);
    pacer.enqueue(PacerClass.VIDEO, 1, 1_000, 0);
    pacer.enqueue(PacerClass.VIDEO, 2, 1_000, 0);
    const plan = { clusterId: 7, rateBps: 2_000_000, durationUs: 15_000, minPackets: 5, minBytes: 3_750 };
    pacer.startProbe({ ...plan, expiresUs: 1_000_000 });
    for (let nowUs = 0; nowUs <= 30_000; nowUs += 1_000) pacer.poll(nowUs, output);
    expect(output.released.every(({ probeCluster }) => probeCluster === 7)).toBe(true);
    expect(output.paddings.length).toBeGreaterThanOrEqual(3);
    expect(new Set(output.paddings)).toEqual(new Set([7]));
    expect(pacer.probing).toBe(false);
  });

  test("a probe that nothing can be sent for expires", () => {
    const pacer = new Pacer();
    const output = new Output();
    output.canPad = false;
    pacer.setRates(100_000, 0, 0);
    const plan = { clusterId: 7, rateBps: 2_000_000, durationUs: 15_000, minPackets: 5, minBytes: 3_750 };
    pacer.startProbe({ ...plan, expiresUs: 1_000_000 });
    pacer.poll(0, output);
    expect(pacer.probing).toBe(true);
    pacer.poll(1_000_000, output);
    expect(pacer.probing).toBe(false);
  });

  test("padding fills up to its rate, and not while media waits", () => {
    const pacer = new Pacer();
    const output = new Output();
    pacer.setRates(1_000_000, 400_000, 0);
    for (let nowUs = 0; nowUs < 1_000_000; nowUs += 5_000) pacer.poll(nowUs, output);
    expect(output.paddings.length).toBeGreaterThan(150);
    expect(output.paddings.length).toBeLessThan(210);
  });

  test("what does not fit is refused, what is too old discarded: all are accounted for, in order", () => {
    const packet = fc.record({
      packetClass: fc.constantFrom(PacerClass.AUDIO, PacerClass.RETRANSMISSION, PacerClass.VIDEO),
      bytes: fc.integer({ min: 1, max: 1_400 }),
      waitUs: fc.integer({ min: 0, max: 20_000 }),
    });
    fc.assert(
      fc.property(fc.array(packet, { maxLength: 300 }), fc.integer({ min: 1, max: 3_000_000 }), (packets, rateBps) => {
        const pacer = new Pacer({ ...DEFAULT_PACER, maxPackets: 40 });
        const output = new Output();
        let nowUs = 0;
        let accepted = 0;
        for (const [handle, { packetClass, bytes, waitUs }] of packets.entries()) {
          pacer.setRates(rateBps, 0, nowUs);
          if (pacer.enqueue(packetClass, handle, bytes, nowUs)) accepted++;
          nowUs += waitUs;
          pacer.poll(nowUs, output);
        }
        expect(pacer.refused).toBe(packets.length - accepted);
        expect(output.released.length + output.discardedHandles.length + pacer.queuedPackets).toBe(accepted);
        for (const packetClass of Object.values(PacerClass)) {
          const handles = output.released.filter((one) => one.packetClass === packetClass).map(({ handle }) => handle);
          expect(handles).toEqual(handles.toSorted((a, b) => a - b));
        }
        expect(output.released.every(({ probeCluster }) => probeCluster === NO_PROBE)).toBe(true);
        // Whatever the rate, the queue is gone in bounded time.
        const endUs = nowUs + 3_000_000;
        for (; nowUs < endUs; nowUs += 5_000) pacer.poll(nowUs, output);
        expect(pacer.queuedPackets).toBe(0);
        expect(pacer.queuedBytes).toBe(0);
      }),
    );
  });

  test("clearing gives all handles back", () => {
    const pacer = new Pacer();
    const output = new Output();
    for (let i = 0; i < 100; i++) pacer.enqueue(PacerClass.VIDEO, i, 1_000, 0);
    pacer.clear(output);
    expect(output.discardedHandles.length).toBe(100);
    expect(pacer.nextReleaseUs(0)).toBe(Number.POSITIVE_INFINITY);
  });
});
