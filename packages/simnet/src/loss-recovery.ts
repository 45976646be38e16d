import { SequenceUnwrapper } from "@cation/rtp/sequence";

const FIRST_NACK_US = 20_000;
/** How long the start of a stream may be overtaken by what follows. */
const START_HOLD_US = 50_000;

/** A packet that a receiver holds, in order of its number. */
export interface HeldPacket {
  readonly extSeq: number;
  readonly timestamp: number;
  readonly marker: boolean;
  /** Behind the RTP header, without padding; empty for pure padding. */
  readonly payload: Uint8Array;
  /** Dependency descriptor, where the packet has one. */
  readonly descriptor?: Uint8Array;
}

interface Missing {
  readonly sinceUs: number;
  nextUs: number;
  tries: number;
}

/**
 * Puts one received stream back into order: holds packets behind a gap, asks for what is missing, gives up after a while.
 * Written apart from the engine's own, so that the two do not share their mistakes.
 */
export class LossRecovery {
  received = 0;
  duplicates = 0;
  recovered = 0;
  /** Numbers asked for, repetitions not counted. */
  asked = 0;
  /** Numbers given up. */
  skipped: number[] = [];
  /** When the first packet came. */
  startUs = 0;
  /** Number of the first packet. */
  first = -1;

  readonly #retryUs: number;
  readonly #giveUpUs: number;
  readonly #usesNack: boolean;
  readonly #unwrapper = new SequenceUnwrapper();
  readonly #held = new Map<number, HeldPacket>();
  readonly #missing = new Map<number, Missing>();
  #next = -1;
  #started = false;

  /** `giveUpUs`: how long a gap may hold others up. */
  constructor(usesNack: boolean, retryUs: number, giveUpUs: number) {
    this.#usesNack = usesNack;
    this.#retryUs = retryUs;
    this.#giveUpUs = giveUpUs;
  }

  /** Highest extended number received. */
  get highest(): number {
    return this.#unwrapper.highest;
  }

  get missing(): number {
    return this.#missing.size;
  }

  /** Takes a packet; the extended number is filled in. False where it is a duplicate or came too late. */
  add(sequenceNumber: number, packet: Omit<HeldPacket, "extSeq">, nowUs: number): boolean {
    const highest = this.#unwrapper.highest;
    const extSeq = this.#unwrapper.unwrap(sequenceNumber);
    if (this.#next < 0) this.startUs = nowUs;
    if (this.#next < 0 || (!this.#started && extSeq < this.#next)) {
      for (let seq = extSeq + 1; seq < this.#next; seq++) this.#miss(seq, nowUs);
      this.#next = extSeq;
      this.first = extSeq;
    }
    if (extSeq < this.#next || this.#held.has(extSeq)) {
      this.duplicates++;
      return false;
    }
    this.received++;
    if (this.#missing.delete(extSeq)) this.recovered++;
    for (let seq = highest + 1; highest >= 0 && seq < extSeq; seq++) this.#miss(seq, nowUs);
    this.#held.set(extSeq, { ...packet, extSeq });
    return true;
  }

  /** The next packet in order; undefined behind a gap. */
  take(nowUs: number): HeldPacket | undefined {
    if (this.#next < 0 || nowUs - this.startUs < START_HOLD_US) return undefined;
    this.#started = true;
    for (;;) {
      const packet = this.#held.get(this.#next);
      if (packet !== undefined) {
        this.#held.delete(this.#next++);
        return packet;
      }
      const missing = this.#missing.get(this.#next);
      if (missing === undefined || nowUs - missing.sinceUs < this.#giveUpUs) return undefined;
      this.#missing.delete(this.#next);
      this.skipped.push(this.#next++);
    }
  }

  /** Numbers (16 bits, ascending) to ask for now. */
  collectNacks(nowUs: number): number[] {
    if (!this.#usesNack) return [];
    const numbers: number[] = [];
    for (const [extSeq, missing] of this.#missing) {
      if (missing.nextUs > nowUs) continue;
      if (missing.tries === 0) this.asked++;
      missing.tries++;
      missing.nextUs = nowUs + this.#retryUs;
      numbers.push(extSeq & 0xffff);
    }
    return numbers;
  }

  #miss(extSeq: number, nowUs: number): void {
    if (this.#held.has(extSeq)) return;
    this.#missing.set(extSeq, { sinceUs: nowUs, nextUs: nowUs + FIRST_NACK_US, tries: 0 });
  }
}
