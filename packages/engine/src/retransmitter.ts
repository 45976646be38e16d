import type { ConsumerStream } from "./consumer-stream.ts";
import { DropReason } from "./drop-reason.ts";
import type { EngineContext } from "./engine-context.ts";
import type { PacketHistory } from "./packet-history.ts";
import { leavesOut } from "./rewrite-segments.ts";
import type { RewriteSegment } from "./rewrite-segments.ts";

/** Round trip that is assumed before a receiver report gave one. */
const DEFAULT_RTT_US = 100_000;
const MIN_RESEND_INTERVAL_US = 10_000;

/**
 * Answers a receiver's NACK (RFC 4585 §6.2.1): packets that are still in their slots go out again, each at most once a
 * round trip, and no more of them in a round trip than configured, so that a broken receiver causes no storm.
 */
export class Retransmitter {
  readonly #context: EngineContext;

  constructor(context: EngineContext) {
    this.#context = context;
  }

  /** Sends packet `sequenceNumber` of a stream again. */
  resend(stream: ConsumerStream, sequenceNumber: number, nowUs: number): DropReason {
    const number = stream.numberOf(sequenceNumber);
    const segment = number < 0 ? undefined : stream.rewriter.segmentOf(number);
    const history = segment && stream.historyOf(segment.sourceKey);
    if (segment === undefined || history === undefined) return DropReason.NACK_MISS;
    const entry = findSent(history, number, segment);
    if (entry < 0) return DropReason.NACK_MISS;

    const rttUs = stream.transport.rttUs < 0 ? DEFAULT_RTT_US : stream.transport.rttUs;
    const nowMs = Math.floor(nowUs / 1000);
    const resends = stream.resends.resendsOf(number);
    const repeatMs = Math.max(MIN_RESEND_INTERVAL_US, rttUs) / 1000;
    if (resends >= this.#context.config.resendLimit) return DropReason.NACK_REPEATED;
    if (resends > 0 && stream.resends.sinceResentMs(number, nowMs) < repeatMs) return DropReason.NACK_REPEATED;
    if (!stream.resends.take(this.#context.config.resendPacketsPerRtt, nowUs, rttUs)) return DropReason.NACK_LIMIT;
    const loaded = this.#load(history, entry);
    if (loaded !== DropReason.NONE) return loaded;
    const { resent } = this.#context;
    const sent = stream.resend(resent, number, segment);
    if (sent !== DropReason.NONE) return sent;
    stream.resent();
    stream.resends.note(number, nowMs);
    return sent;
  }

  /**
   * Writes a packet that the receiver has already into its RTX stream, to fill time; the record is the last of the batch. Only one
   * with at least so many bytes of payload.
   */
  repeat(stream: ConsumerStream, sequenceNumber: number, minBytes: number): DropReason {
    const number = stream.numberOf(sequenceNumber);
    const segment = number < 0 ? undefined : stream.rewriter.segmentOf(number);
    const history = segment && stream.historyOf(segment.sourceKey);
    if (segment === undefined || history === undefined) return DropReason.NACK_MISS;
    const entry = findSent(history, number, segment);
    if (entry < 0) return DropReason.NACK_MISS;
    const loaded = this.#load(history, entry);
    if (loaded !== DropReason.NONE) return loaded;
    const { resent } = this.#context;
    if (resent.payloadBytes < minBytes) return DropReason.NACK_MISS;
    return stream.resend(resent, number, segment);
  }

  /** Points the engine's second packet at what a slot holds, as it was when it was forwarded. */
  #load(history: PacketHistory, entry: number): DropReason {
    const { store, slots, resent } = this.#context;
    const slot = history.slotOf(entry);
    const generation = history.generationOf(entry);
    if ((store.generations[slot] | 0) !== generation) return DropReason.NACK_SLOT_OVERWRITTEN;
    if (!resent.load(slot, generation, slots.offsetOf(slot), slots.lengthOf(slot))) {
      return DropReason.NACK_SLOT_OVERWRITTEN;
    }
    const original = slots.originalPayloadTypeOf(slot);
    if (original >= 0 && !resent.unwrapRtx(original)) return DropReason.NACK_SLOT_OVERWRITTEN;
    resent.pictureId = history.pictureIdOf(entry);
    resent.tl0PictureIndex = history.tl0PictureIndexOf(entry);
    return DropReason.NONE;
  }
}

/** Entry of the packet that was sent as `number`, by the offsets of `segment`; -1 where it is forgotten, or was left out. */
function findSent(history: PacketHistory, number: number, segment: Readonly<RewriteSegment>): number {
  const entry = history.find(number - segment.sequenceOffset);
  return entry >= 0 && leavesOut(segment, history.pictureIdOf(entry)) ? -1 : entry;
}
