import type { IncomingPacket } from "./incoming-packet.ts";
import type { ProducerStream } from "./producer-stream.ts";
import type { Random } from "./random.ts";
import type { StreamRewriter } from "./stream-rewriter.ts";

/** Sender reports and arrival times that disagree by more than this: the reports are not believed. */
const PLAUSIBLE_SECONDS = 1;

/**
 * Finds the offset that lets timestamps go on without a step when a stream goes over to another source. Two encodings of
 * one publisher are brought together by their sender reports (RFC 3550 §6.4.1): the same instant gets the same timestamp.
 * Where there are none, time of arrival decides.
 */
export class TimestampAligner {
  readonly #rewrites: boolean;
  #started = false;
  /** Source of the last offset: its clock, and the identity that its timestamps had. */
  #lastStream: ProducerStream | undefined;
  #lastKey = -1;
  /** Offset by the clocks alone, without what was added to keep timestamps rising. */
  #trueOffset = 0;

  /** `rewrites` is false for a relay, whose timestamps stay the publisher's until that one starts anew. */
  constructor(rewrites: boolean) {
    this.#rewrites = rewrites;
  }

  /** Offset (outgoing − incoming, int32) for a source whose first packet is `packet`. */
  offsetFor(stream: ProducerStream, packet: IncomingPacket, rewriter: StreamRewriter, random: Random): number {
    const offset = this.#offsetFor(stream, packet, rewriter, random);
    this.#started = true;
    this.#lastStream = stream;
    this.#lastKey = stream.sourceKey;
    return offset;
  }

  #offsetFor(stream: ProducerStream, packet: IncomingPacket, rewriter: StreamRewriter, random: Random): number {
    if (!this.#started) {
      this.#trueOffset = this.#rewrites ? random.nextUint32() | 0 : 0;
      return this.#trueOffset;
    }
    if (stream === this.#lastStream && stream.sourceKey === this.#lastKey) return rewriter.timestampOffset;
    const clockRateHz = stream.producer.clockRateHz;
    const elapsedTicks = Math.round(((packet.arrivalUs - rewriter.lastArrivalUs) * clockRateHz) / 1_000_000);
    const byArrival = (rewriter.lastTimestamp + Math.max(1, elapsedTicks) - packet.timestamp) | 0;
    const byClock = this.#offsetByClock(stream, clockRateHz, byArrival);
    this.#trueOffset = byClock;
    const step = (packet.timestamp + byClock - rewriter.lastTimestamp) | 0;
    return step > 0 ? byClock : (byClock + 1 - step) | 0;
  }

  #offsetByClock(stream: ProducerStream, clockRateHz: number, byArrival: number): number {
    const last = this.#lastStream;
    if (last === undefined || last.producer !== stream.producer || last.sourceKey !== this.#lastKey) return byArrival;
    if (!last.clock.known || !stream.clock.known) return byArrival;
    const ticks = Math.round(last.clock.secondsUntil(stream.clock) * clockRateHz);
    const byClock = (this.#trueOffset + last.clock.rtpTimestamp - stream.clock.rtpTimestamp + ticks) | 0;
    const plausible = Math.abs((byClock - byArrival) | 0) <= PLAUSIBLE_SECONDS * clockRateHz;
    return plausible ? byClock : byArrival;
  }
}
