import type { ConsumerStream } from "./consumer-stream.ts";
import { DropReason } from "./drop-reason.ts";
import type { EngineContext } from "./engine-context.ts";

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
    const cache = stream.cache;
    if (cache === undefined) return DropReason.NACK_MISS;
    const entry = cache.find(sequenceNumber);
    if (entry < 0) return DropReason.NACK_MISS;
    const rttUs = stream.transport.rttUs < 0 ? DEFAULT_RTT_US : stream.transport.rttUs;
    const nowMs = Math.floor(nowUs / 1000);
    const resends = cache.resendsOf(entry);
    const repeatMs = Math.max(MIN_RESEND_INTERVAL_US, rttUs) / 1000;
    if (resends >= this.#context.config.resendLimit) return DropReason.NACK_REPEATED;
    if (resends > 0 && cache.sinceResentMs(entry, nowMs) < repeatMs) return DropReason.NACK_REPEATED;
    if (!stream.takeResend(nowUs, rttUs)) return DropReason.NACK_LIMIT;
    const loaded = this.#load(cache.slotOf(entry), cache.generationOf(entry));
    if (loaded !== DropReason.NONE) return loaded;
    const sent = stream.resend(this.#context.resent, entry, sequenceNumber);
    if (sent === DropReason.NONE) cache.markResent(entry, nowMs);
    return sent;
  }

  /** Points the engine's second packet at what a slot holds, as it was when it was forwarded. */
  #load(slot: number, generation: number): DropReason {
    const { store, slots, resent } = this.#context;
    if (store.generations[slot] !== generation) return DropReason.NACK_SLOT_OVERWRITTEN;
    if (!resent.load(slot, generation | 0, slots.offsetOf(slot), slots.lengthOf(slot))) {
      return DropReason.NACK_SLOT_OVERWRITTEN;
    }
    const original = slots.originalPayloadTypeOf(slot);
    if (original >= 0 && !resent.unwrapRtx(original)) return DropReason.NACK_SLOT_OVERWRITTEN;
    return DropReason.NONE;
  }
}
