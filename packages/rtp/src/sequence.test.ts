import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  SequenceUnwrapper,
  TimestampUnwrapper,
  delta24,
  delta8,
  isNewer,
  pictureIdDelta,
  rolloverOf,
  seqAdd,
  seqDelta,
  seqOf,
  timestampAdd,
  timestampDelta,
} from "./sequence.ts";

const seq = fc.integer({ min: 0, max: 0xffff });
const timestamp = fc.integer({ min: 0, max: 0xffff_ffff });

describe("differences", () => {
  it("take the short way round", () => {
    expect(seqDelta(1, 0xffff)).toBe(2);
    expect(seqDelta(0xffff, 1)).toBe(-2);
    expect(seqDelta(5, 5)).toBe(0);
    expect(timestampDelta(1, 0xffff_ffff)).toBe(2);
    expect(timestampDelta(0xffff_ffff, 1)).toBe(-2);
    expect(delta24(0, 0xff_ffff)).toBe(1);
    expect(delta8(0, 255)).toBe(1);
    expect(pictureIdDelta(0, 0x7fff, 15)).toBe(1);
    expect(pictureIdDelta(127, 0, 7)).toBe(-1);
  });

  it("call neither newer at half the circle", () => {
    expect(isNewer(0x8000, 0)).toBe(false);
    expect(isNewer(0, 0x8000)).toBe(false);
  });

  it("undo an addition", () => {
    fc.assert(
      fc.property(seq, fc.integer({ min: -0x7fff, max: 0x7fff }), (start, step) => {
        expect(seqDelta(seqAdd(start, step), start)).toBe(step);
        expect(isNewer(seqAdd(start, step), start)).toBe(step > 0);
      }),
    );
    fc.assert(
      fc.property(timestamp, fc.integer({ min: -0x7fff_ffff, max: 0x7fff_ffff }), (start, step) => {
        expect(timestampDelta(timestampAdd(start, step), start)).toBe(step);
      }),
    );
  });
});

describe("SequenceUnwrapper", () => {
  it("counts cycles, and keeps late packets in theirs", () => {
    const unwrapper = new SequenceUnwrapper();
    expect(unwrapper.unwrap(0xfffe)).toBe(0x1_fffe);
    expect(unwrapper.unwrap(1)).toBe(0x2_0001);
    expect(unwrapper.unwrap(0xffff)).toBe(0x1_ffff);
    expect(unwrapper.highest).toBe(0x2_0001);
    expect(unwrapper.unwrap(2)).toBe(0x2_0002);
  });

  it("takes packets from before the first one", () => {
    const unwrapper = new SequenceUnwrapper();
    expect(unwrapper.unwrap(0)).toBe(0x1_0000);
    expect(unwrapper.unwrap(0xffff)).toBe(0xffff);
  });

  it("starts anew after a reset", () => {
    const unwrapper = new SequenceUnwrapper();
    unwrapper.unwrap(60_000);
    unwrapper.reset();
    expect(unwrapper.unwrap(3)).toBe(0x1_0003);
  });

  it("follows any walk of steps shorter than half the circle", () => {
    fc.assert(
      fc.property(seq, fc.array(fc.integer({ min: -200, max: 0x7fff }), { maxLength: 50 }), (start, steps) => {
        const unwrapper = new SequenceUnwrapper();
        let truth = 0x1_0000 + start;
        let highest = truth;
        expect(unwrapper.unwrap(start)).toBe(truth);
        for (const step of steps) {
          truth = highest + step;
          highest = Math.max(highest, truth);
          expect(unwrapper.peek(seqOf(truth))).toBe(truth);
          expect(unwrapper.unwrap(seqOf(truth))).toBe(truth);
          expect(unwrapper.highest).toBe(highest);
          expect(rolloverOf(truth) * 0x1_0000 + seqOf(truth)).toBe(truth);
        }
      }),
    );
  });
});

describe("TimestampUnwrapper", () => {
  it("follows any walk of steps shorter than half the circle, far beyond 32 bits", () => {
    const step = fc.integer({ min: -90_000, max: 0x7fff_ffff });
    fc.assert(
      fc.property(timestamp, fc.array(step, { maxLength: 50 }), (start, steps) => {
        const unwrapper = new TimestampUnwrapper();
        let truth = 0x1_0000_0000 + start;
        let highest = truth;
        expect(unwrapper.unwrap(start)).toBe(truth);
        for (const by of steps) {
          truth = highest + by;
          highest = Math.max(highest, truth);
          expect(unwrapper.unwrap(truth % 0x1_0000_0000)).toBe(truth);
        }
        unwrapper.reset();
        expect(unwrapper.unwrap(start)).toBe(0x1_0000_0000 + start);
      }),
    );
  });
});
