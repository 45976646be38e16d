import type { ExtSeqNum, RtpTimestamp, SeqNum } from "./units.ts";

/*
 * The only place with wrap arithmetic. Differences are signed and taken the short way round (RFC 1982 with 16 or 32
 * bits); numbers exactly half the circle apart give the negative extreme both ways, so neither is newer.
 */

const SEQ_CYCLE = 0x1_0000;
const TIMESTAMP_CYCLE = 0x1_0000_0000;

/** a − b as a signed 16-bit number: positive where `a` is newer. */
export function seqDelta(a: number, b: number): number {
  return ((a - b) << 16) >> 16;
}

/** Whether sequence number `a` comes after `b`. */
export function isNewer(a: number, b: number): boolean {
  return seqDelta(a, b) > 0;
}

/** `seq` moved by `count` (which may be negative). */
export function seqAdd(seq: number, count: number): SeqNum {
  return ((seq + count) & 0xffff) as SeqNum;
}

/** The 16 bits that go on the wire. */
export function seqOf(extended: number): SeqNum {
  return (extended & 0xffff) as SeqNum;
}

/** The cycles of an extended number: SRTP's rollover counter, where the stream's first cycle is 0 (RFC 3711 §3.3.1). */
export function rolloverOf(extended: number): number {
  return Math.floor(extended / SEQ_CYCLE) >>> 0;
}

/** a − b as a signed 32-bit number of ticks: positive where `a` is later. */
export function timestampDelta(a: number, b: number): number {
  return (a - b) | 0;
}

/** `timestamp` moved by `ticks` (an integer, which may be negative). */
export function timestampAdd(timestamp: number, ticks: number): RtpTimestamp {
  return ((timestamp + ticks) >>> 0) as RtpTimestamp;
}

/** a − b of two 24-bit numbers (abs-send-time), signed. */
export function delta24(a: number, b: number): number {
  return ((a - b) << 8) >> 8;
}

/** a − b of two 8-bit counters (TL0PICIDX, TWCC feedback count), signed. */
export function delta8(a: number, b: number): number {
  return ((a - b) << 24) >> 24;
}

/** a − b of two 15-bit or 7-bit picture ids (`bits` 15 or 7), signed. */
export function pictureIdDelta(a: number, b: number, bits: number): number {
  const shift = 32 - bits;
  return ((a - b) << shift) >> shift;
}

/**
 * Counts the cycles of a stream of sequence numbers. Each number is taken as the one nearest to the highest so far, so
 * late packets and those just before the first one come out right. The first is put into cycle 1: results are
 * always positive.
 */
export class SequenceUnwrapper {
  /** Highest number so far; -1 before the first. */
  highest = -1 as ExtSeqNum;

  /** Extends `seq` and remembers it where it is the highest. */
  unwrap(seq: number): ExtSeqNum {
    const extended = this.peek(seq);
    if (extended > this.highest) this.highest = extended;
    return extended;
  }

  /** Extends `seq` without remembering it. */
  peek(seq: number): ExtSeqNum {
    if (this.highest < 0) return (SEQ_CYCLE + seq) as ExtSeqNum;
    return (this.highest + seqDelta(seq, this.highest & 0xffff)) as ExtSeqNum;
  }

  /** Forgets all: the next number starts anew. */
  reset(): void {
    this.highest = -1 as ExtSeqNum;
  }
}

/** Counts the cycles of RTP timestamps, as {@link SequenceUnwrapper} does; results are ticks, positive, below 2^53. */
export class TimestampUnwrapper {
  /** Highest value so far; -1 before the first. */
  highest = -1;

  /** Extends `timestamp` and remembers it where it is the highest. */
  unwrap(timestamp: number): number {
    const extended = this.peek(timestamp);
    if (extended > this.highest) this.highest = extended;
    return extended;
  }

  /** Extends `timestamp` without remembering it. */
  peek(timestamp: number): number {
    if (this.highest < 0) return TIMESTAMP_CYCLE + timestamp;
    return this.highest + timestampDelta(timestamp, this.highest % TIMESTAMP_CYCLE);
  }

  reset(): void {
    this.highest = -1;
  }
}
