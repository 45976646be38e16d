import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { absurdRanges, acceptedPrefixes } from "../fixtures/malformed.ts";
import { RtcpReader } from "./rtcp-reader.ts";
import { NOT_RECEIVED, TransportFeedbackWriter } from "./rtcp-transport-feedback-writer.ts";
import { ReferenceTimeUnwrapper, TransportFeedbackReader } from "./rtcp-transport-feedback.ts";
import { seqAdd } from "./sequence.ts";
import type { SeqNum, Ssrc } from "./units.ts";

const SENDER = 1 as Ssrc;
const MEDIA = 2 as Ssrc;

interface Told {
  readonly base: number;
  readonly count: number;
  readonly referenceTime: number;
  readonly feedbackCount: number;
  /** Sequence number and arrival after the reference time, -1 where not received. */
  readonly packets: [number, number][];
}

function read(bytes: Uint8Array, offset: number, length: number): Told | undefined {
  const reader = new TransportFeedbackReader();
  if (!reader.set(bytes, offset, length)) return undefined;
  const packets: [number, number][] = [];
  while (reader.next()) packets.push([reader.sequenceNumber, reader.received ? reader.arrivalUs : NOT_RECEIVED]);
  expect(reader.next()).toBe(false);
  const { packetStatusCount, referenceTime, feedbackCount } = reader;
  return { base: reader.baseSequenceNumber, count: packetStatusCount, referenceTime, feedbackCount, packets };
}

function message(chunksAndDeltas: readonly number[], statusCount: number): Uint8Array {
  const body = [0, 0, 0, 1, 0, 0, 0, 2, 0, 10, 0, statusCount, 0, 0, 3, 9, ...chunksAndDeltas];
  while (body.length % 4 !== 0) body.push(0);
  return Uint8Array.of(0x8f, 205, 0, body.length / 4, ...body);
}

/** Writes all arrivals, in as many messages as it takes, and reads them back as absolute ticks of 250 µs. */
function roundTrip(base: number, arrivals: readonly number[], capacityBytes: number): number[] {
  const writer = new TransportFeedbackWriter();
  const target = new Uint8Array(capacityBytes + 8).fill(0xee);
  const ticks: number[] = [];
  const all = Float64Array.from(arrivals);
  let at = 0;
  while (at < all.length) {
    const number = seqAdd(base, at);
    const end = writer.write(target, 3, 3 + capacityBytes, SENDER, MEDIA, number, all, at, all.length - at, 7);
    expect(end).toBeLessThanOrEqual(3 + capacityBytes);
    expect(target[end === 3 ? 3 + capacityBytes : end]).toBe(0xee);
    expect(writer.written).toBeGreaterThan(0);
    if (end === 3) {
      for (let i = 0; i < writer.written; i++) ticks.push(NOT_RECEIVED);
    } else {
      const reader = new RtcpReader();
      expect(reader.set(target, 3, end - 3)).toBe(true);
      expect(reader.next()).toBe(true);
      const told = read(target, reader.offset, reader.byteLength);
      expect([told?.base, told?.count, told?.feedbackCount]).toEqual([number, writer.written, 7]);
      expect(reader.next()).toBe(false);
      expect(reader.malformed).toBe(false);
      const first = all.subarray(at).find((arrival) => arrival >= 0) ?? 0;
      const referenceUs = Math.floor(first / 64_000) * 64_000;
      expect(told?.referenceTime).toBe((referenceUs / 64_000) % 0x100_0000);
      for (const [, us] of told?.packets ?? []) ticks.push(us === NOT_RECEIVED ? us : (referenceUs + us) / 250);
    }
    target.fill(0xee);
    at += writer.written;
  }
  return ticks;
}

function expected(arrivals: readonly number[]): number[] {
  return arrivals.map((arrival) => (arrival < 0 ? NOT_RECEIVED : Math.floor(arrival / 250)));
}

describe("reading transport feedback", () => {
  it("takes run lengths", () => {
    // Three received with small deltas, two lost.
    const told = read(message([0x20, 3, 0x00, 2, 4, 8, 255], 5), 0, 28);
    expect(told).toEqual({
      base: 10,
      count: 5,
      referenceTime: 3,
      feedbackCount: 9,
      packets: [
        [10, 1000],
        [11, 3000],
        [12, 66_750],
        [13, NOT_RECEIVED],
        [14, NOT_RECEIVED],
      ],
    });
  });

  it("takes both vectors, negative deltas and the statuses that are too many in the last chunk", () => {
    // 1-bit: received at 0 and 13; 2-bit: small, large, not received.
    const bytes = message([0xa0, 0x01, 0xd8, 0x00, 1, 2, 3, 0xff, 0xfe], 17);
    const packets = read(bytes, 0, bytes.length)?.packets ?? [];
    expect(packets.filter(([, us]) => us !== NOT_RECEIVED)).toEqual([
      [10, 250],
      [23, 750],
      [24, 1500],
      [25, 1000],
    ]);
    expect(packets).toHaveLength(17);
  });

  it("refuses what is incomplete: no statuses, chunks or deltas past the end, the reserved status", () => {
    for (const bytes of [
      message([0x20, 3, 0, 0], 0),
      message([0x20, 9, 1, 2, 3, 4, 5, 6], 9),
      message([0x20, 2, 1, 2], 5),
      message([0x60, 1, 0, 0], 1),
      message([0xf0, 0, 0, 0], 1),
      message([0x00, 0], 3),
    ]) {
      expect(read(bytes, 0, bytes.length)).toBeUndefined();
    }
    // A reserved status behind the last packet is no matter.
    expect(read(message([0xdc, 0, 1, 0], 1), 0, 24)?.packets).toEqual([[10, 250]]);
  });

  it("counts across the wrap of the sequence number", () => {
    const bytes = message([0x00, 4, 0, 0], 4);
    bytes.set([0xff, 0xfe], 12);
    expect(read(bytes, 0, 24)?.packets.map(([number]) => number)).toEqual([0xfffe, 0xffff, 0, 1]);
  });

  it("never reads outside its range, whatever the prefix", () => {
    acceptedPrefixes(message([0xa0, 0x01, 0xd8, 0x00, 1, 2, 3, 0xff, 0xfe], 17), read);
    const bytes = message([0x20, 3, 1, 2, 3], 3);
    expect(acceptedPrefixes(bytes, read)).toEqual([25, 26, 27, 28]);
    for (const [offset, length] of absurdRanges(bytes)) expect(read(bytes, offset, length)).toBeUndefined();
  });
});

describe("writing transport feedback", () => {
  it("needs little: a second of steady packets is a run of small deltas", () => {
    const arrivals = Float64Array.from({ length: 200 }, (_, i) => 1_000_000 + 5000 * i);
    const target = new Uint8Array(400);
    const end = new TransportFeedbackWriter().write(target, 0, 400, SENDER, MEDIA, 0 as SeqNum, arrivals, 0, 200, 0);
    expect(end).toBe(20 + 2 + 200 + 2);
  });

  it("reads back any pattern of loss and reordering, in messages of any size", () => {
    const step = fc.oneof(
      { weight: 8, arbitrary: fc.integer({ min: 0, max: 20_000 }) },
      { weight: 2, arbitrary: fc.constant(NOT_RECEIVED) },
      { weight: 1, arbitrary: fc.integer({ min: -90_000, max: 20_000_000 }) },
    );
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 0xffff }),
        fc.integer({ min: 0, max: 2 ** 50 }),
        fc.array(step, { minLength: 1, maxLength: 300 }),
        fc.integer({ min: 32, max: 300 }),
        (base, startUs, steps, capacityBytes) => {
          let nowUs = startUs;
          const arrivals = steps.map((by) => {
            if (by === NOT_RECEIVED) return by;
            nowUs = Math.max(0, nowUs + by);
            return nowUs;
          });
          expect(roundTrip(base, arrivals, capacityBytes)).toEqual(expected(arrivals));
        },
      ),
    );
  });

  it("reads long runs back, beyond what one chunk or one message holds", () => {
    const arrivals = [1_000_000, ...Array.from({ length: 9000 }, () => NOT_RECEIVED), 1_100_000];
    expect(roundTrip(65_000, arrivals, 1200)).toEqual(expected(arrivals));
  });

  it("takes arrivals from a ring", () => {
    const ring = Float64Array.of(5_000_500, 5_000_750, 5_000_000, 5_000_250);
    const target = new Uint8Array(100);
    const writer = new TransportFeedbackWriter();
    const end = writer.write(target, 0, 100, SENDER, MEDIA, 0xffff as SeqNum, ring, 2, 4, 0);
    const reader = new RtcpReader();
    reader.set(target, 0, end);
    reader.next();
    const packets = read(target, 0, reader.byteLength)?.packets ?? [];
    expect(packets.map(([number]) => number)).toEqual([0xffff, 0, 1, 2]);
    expect(packets.slice(1).map(([, us], i) => us - packets[i][1])).toEqual([250, 250, 250]);
  });

  it("stops before a delta beyond ±8.2 s, and goes on with a new reference", () => {
    const writer = new TransportFeedbackWriter();
    const arrivals = Float64Array.of(1_000_000, NOT_RECEIVED, 10_000_000);
    const target = new Uint8Array(100);
    writer.write(target, 0, 100, SENDER, MEDIA, 0 as SeqNum, arrivals, 0, 3, 0);
    expect(writer.written).toBe(2);
    writer.write(target, 0, 100, SENDER, MEDIA, 2 as SeqNum, arrivals, 2, 1, 1);
    expect(writer.written).toBe(1);
  });

  it("says nothing about packets of which none came, and refuses what is too small", () => {
    const writer = new TransportFeedbackWriter();
    const none = new Float64Array(3).fill(NOT_RECEIVED);
    expect(writer.write(new Uint8Array(40), 5, 40, SENDER, MEDIA, 0 as SeqNum, none, 0, 3, 0)).toBe(5);
    expect(writer.written).toBe(3);
    const one = Float64Array.of(1000);
    expect(writer.write(new Uint8Array(40), 0, 22, SENDER, MEDIA, 0 as SeqNum, one, 0, 1, 0)).toBe(-1);
    expect(writer.written).toBe(0);
  });
});

describe("ReferenceTimeUnwrapper", () => {
  it("goes on across the wrap, and back", () => {
    const unwrapper = new ReferenceTimeUnwrapper();
    expect(unwrapper.unwrapUs(0xff_ffff)).toBe(0xff_ffff * 64_000);
    expect(unwrapper.unwrapUs(1)).toBe(0x100_0001 * 64_000);
    expect(unwrapper.unwrapUs(0xff_fffe)).toBe(0xff_fffe * 64_000);
  });
});
