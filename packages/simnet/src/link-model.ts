import type { SeededRandom } from "./seeded-random.ts";
import { TimeQueue } from "./time-queue.ts";

/** Loss in bursts: two states, each with its own loss (Gilbert 1960, Elliott 1963). Probabilities are per packet. */
export interface BurstLoss {
  readonly toBad: number;
  readonly toGood: number;
  readonly lossInGood: number;
  readonly lossInBad: number;
}

/** What a network path does to packets, one direction. */
export interface LinkConfig {
  /** Propagation. */
  readonly delayUs: number;
  /** Added to it, uniform in 0 … jitterUs; by itself it reorders nothing. */
  readonly jitterUs: number;
  /** 0 for no limit. */
  readonly rateBps: number;
  /** Bytes that may wait for the rate; what comes then is dropped. */
  readonly queueBytes: number;
  /** Probability of random loss, 0 … 1. */
  readonly loss: number;
  readonly burst?: BurstLoss;
  /** Probability that a packet is held back by `reorderUs`, so that later ones overtake it. */
  readonly reorder: number;
  readonly reorderUs: number;
  /** Probability that a packet arrives twice. */
  readonly duplicate: number;
}

/** A path that does nothing but take 1 ms. */
export const PERFECT_LINK: LinkConfig = {
  delayUs: 1_000,
  jitterUs: 0,
  rateBps: 0,
  queueBytes: 1_000_000,
  loss: 0,
  reorder: 0,
  reorderUs: 0,
  duplicate: 0,
};

/** What became of the packets of a link. */
export interface LinkCounters {
  offered: number;
  delivered: number;
  lost: number;
  overflowed: number;
  duplicated: number;
  reordered: number;
}

interface Queued<T> {
  readonly item: T;
  readonly byteLength: number;
  readonly offeredUs: number;
}

/**
 * One direction of a network path: rate and queue first, then loss, propagation, jitter, reordering, duplication. It knows
 * no clock: the caller says what time it is and asks when the next packet arrives, be it in a simulation or in a process that
 * stands between real sockets. Its configuration can change while packets are under way.
 */
export class LinkModel<T> {
  readonly counters: LinkCounters = {
    offered: 0,
    delivered: 0,
    lost: 0,
    overflowed: 0,
    duplicated: 0,
    reordered: 0,
  };
  /** Time that the packet which left the queue last had waited in it, its own serialization included. */
  queueDelayUs = 0;

  #config: LinkConfig;
  readonly #random: SeededRandom;
  readonly #queue: Queued<T>[] = [];
  #queuedBytes = 0;
  /** When the head of the queue has been put on the wire. */
  #headDoneUs = Number.POSITIVE_INFINITY;
  readonly #flying = new TimeQueue<T>();
  #lastArrivalUs = 0;
  #bad = false;

  constructor(config: LinkConfig, random: SeededRandom) {
    this.#config = config;
    this.#random = random;
  }

  get config(): LinkConfig {
    return this.#config;
  }

  /** Bytes that wait for the rate. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Packets inside: waiting or flying. */
  get inFlight(): number {
    return this.#queue.length + this.#flying.size;
  }

  /** Changes the path. What waits goes on at the new rate. */
  configure(change: Partial<LinkConfig>, nowUs: number): void {
    this.#advance(nowUs);
    const oldRateBps = this.#config.rateBps;
    this.#config = { ...this.#config, ...change };
    if (this.#queue.length === 0 || this.#config.rateBps === oldRateBps) return;
    const left = oldRateBps === 0 ? 1 : Math.max(0, this.#headDoneUs - nowUs) / this.#serializationUs(oldRateBps);
    this.#headDoneUs = nowUs + left * this.#serializationUs(this.#config.rateBps);
    this.#advance(nowUs);
  }

  /** Puts a packet in. False where the queue is full and it is gone. */
  offer(item: T, byteLength: number, nowUs: number): boolean {
    this.#advance(nowUs);
    this.counters.offered++;
    if (this.#config.rateBps === 0 && this.#queue.length === 0) {
      this.queueDelayUs = 0;
      this.#launch(item, nowUs);
      return true;
    }
    if (this.#queuedBytes + byteLength > this.#config.queueBytes) {
      this.counters.overflowed++;
      return false;
    }
    this.#queue.push({ item, byteLength, offeredUs: nowUs });
    this.#queuedBytes += byteLength;
    if (this.#queue.length === 1) this.#headDoneUs = nowUs + this.#serializationUs(this.#config.rateBps);
    return true;
  }

  /** When `take` has something, or something moves inside; infinite where the link is empty. */
  get nextUs(): number {
    return Math.min(this.#headDoneUs, this.#flying.nextUs);
  }

  /** The next packet that has arrived by now; undefined where none has. */
  take(nowUs: number): T | undefined {
    this.#advance(nowUs);
    if (this.#flying.nextUs > nowUs) return undefined;
    this.counters.delivered++;
    return this.#flying.pop();
  }

  /** Forgets all packets inside, as a cut cable does. */
  clear(): void {
    this.counters.lost += this.inFlight;
    this.#queue.length = 0;
    this.#queuedBytes = 0;
    this.#headDoneUs = Number.POSITIVE_INFINITY;
    while (this.#flying.pop() !== undefined);
  }

  #serializationUs(rateBps: number): number {
    return rateBps === 0 ? 0 : (this.#queue[0].byteLength * 8_000_000) / rateBps;
  }

  /** Lets packets leave the queue as far as time allows. */
  #advance(nowUs: number): void {
    while (this.#headDoneUs <= nowUs) {
      const head = this.#queue.shift();
      if (head === undefined) return;
      const doneUs = this.#headDoneUs;
      this.#queuedBytes -= head.byteLength;
      this.queueDelayUs = doneUs - head.offeredUs;
      this.#headDoneUs =
        this.#queue.length === 0 ? Number.POSITIVE_INFINITY : doneUs + this.#serializationUs(this.#config.rateBps);
      this.#launch(head.item, doneUs);
    }
  }

  #launch(item: T, departureUs: number): void {
    if (this.#loses()) {
      this.counters.lost++;
      return;
    }
    const { delayUs, jitterUs, reorder, reorderUs, duplicate } = this.#config;
    let arrivalUs = departureUs + delayUs + Math.round(jitterUs * this.#random.nextFloat());
    if (this.#random.chance(reorder)) {
      this.counters.reordered++;
      arrivalUs += reorderUs;
    } else {
      arrivalUs = Math.max(arrivalUs, this.#lastArrivalUs);
      this.#lastArrivalUs = arrivalUs;
    }
    this.#flying.push(arrivalUs, item);
    if (this.#random.chance(duplicate)) {
      this.counters.duplicated++;
      this.#flying.push(arrivalUs + this.#random.nextBelow(2_000), item);
    }
  }

  #loses(): boolean {
    const { loss, burst } = this.#config;
    if (this.#random.chance(loss)) return true;
    if (burst === undefined) return false;
    if (this.#random.chance(this.#bad ? burst.toGood : burst.toBad)) this.#bad = !this.#bad;
    return this.#random.chance(this.#bad ? burst.lossInBad : burst.lossInGood);
  }
}
