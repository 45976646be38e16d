import { SequenceUnwrapper } from "@cation/rtp/sequence";
import type { SeqNum } from "@cation/rtp/units";

/** What is known of a sent packet. */
export const SentState = {
  EMPTY: 0,
  /** Sent, nothing heard yet. */
  FLYING: 1,
  /** Feedback has passed it by (or was lost itself); it may still be reported. */
  PASSED: 2,
  LOST: 3,
  RECEIVED: 4,
} as const;

/** Probe cluster id of packets that belong to none. */
export const NO_PROBE = 0;

const INITIAL_CAPACITY = 512;
const MAX_CAPACITY = 8192;
/** A flying packet that is younger than this is not overwritten while the history may still grow. */
const KEEP_US = 2_000_000;

/**
 * Packets of one transport that were really sent, by transport-wide sequence number: a ring that grows with the rate up to
 * 8192 packets and is then overwritten, oldest first. Slots are found with `find`; the arrays are read by slot.
 */
export class SentPacketHistory {
  /** Bytes sent that no feedback has reported on or passed by yet. */
  inFlightBytes = 0;
  /** Flying packets that were overwritten because the history was full. */
  overwritten = 0;

  sentUs = new Float64Array(INITIAL_CAPACITY);
  bytes = new Uint16Array(INITIAL_CAPACITY);
  probeCluster = new Uint32Array(INITIAL_CAPACITY);
  state = new Uint8Array(INITIAL_CAPACITY);

  #extended = new Float64Array(INITIAL_CAPACITY);
  #mask = INITIAL_CAPACITY - 1;
  readonly #unwrapper = new SequenceUnwrapper();
  /** Extended number of the first packet that feedback has not passed by. */
  #edge = -1;

  get capacity(): number {
    return this.#mask + 1;
  }

  /** Remembers a packet that left, as its completion says. `bytes` is what was on the wire. */
  record(sequenceNumber: SeqNum, sentUs: number, bytes: number, probeCluster: number): void {
    const extended = this.#unwrapper.unwrap(sequenceNumber);
    if (this.#unwrapper.highest - extended >= this.capacity) return;
    if (this.#edge < 0) this.#edge = extended;
    let slot = extended & this.#mask;
    while (this.state[slot] === SentState.FLYING && this.#extended[slot] !== extended) {
      if (this.capacity === MAX_CAPACITY || sentUs - this.sentUs[slot] > KEEP_US) {
        this.inFlightBytes -= this.bytes[slot];
        this.overwritten++;
        break;
      }
      this.#grow();
      slot = extended & this.#mask;
    }
    if (this.state[slot] === SentState.FLYING && this.#extended[slot] === extended) return;
    this.#extended[slot] = extended;
    this.sentUs[slot] = sentUs;
    this.bytes[slot] = bytes;
    this.probeCluster[slot] = probeCluster;
    const passed = extended < this.#edge;
    this.state[slot] = passed ? SentState.PASSED : SentState.FLYING;
    if (!passed) this.inFlightBytes += this.bytes[slot];
  }

  /** Slot of the packet with that number; -1 where none such was sent, or it is forgotten. */
  find(sequenceNumber: SeqNum): number {
    if (this.#unwrapper.highest < 0) return -1;
    const extended = this.#unwrapper.peek(sequenceNumber);
    if (extended > this.#unwrapper.highest) return -1;
    const slot = extended & this.#mask;
    return this.state[slot] !== SentState.EMPTY && this.#extended[slot] === extended ? slot : -1;
  }

  /** A number is sent once more, with a packet that was lost: nothing that is heard of it means anything. */
  forget(sequenceNumber: SeqNum): void {
    const slot = this.find(sequenceNumber);
    if (slot < 0) return;
    if (this.state[slot] === SentState.FLYING) this.inFlightBytes -= this.bytes[slot];
    this.state[slot] = SentState.EMPTY;
  }

  /** Notes what feedback said of a slot; it no longer counts as in flight, nor do those before it. */
  report(slot: number, received: boolean): void {
    this.#passUntil(this.#extended[slot]);
    if (this.state[slot] === SentState.FLYING) this.inFlightBytes -= this.bytes[slot];
    this.state[slot] = received ? SentState.RECEIVED : SentState.LOST;
  }

  #passUntil(extended: number): void {
    // What lies further back than the ring is long was overwritten.
    this.#edge = Math.max(this.#edge, extended - this.capacity);
    for (; this.#edge <= extended; this.#edge++) {
      const slot = this.#edge & this.#mask;
      if (this.state[slot] !== SentState.FLYING || this.#extended[slot] !== this.#edge) continue;
      this.state[slot] = SentState.PASSED;
      this.inFlightBytes -= this.bytes[slot];
    }
  }

  #grow(): void {
    const { sentUs, bytes, probeCluster, state } = this;
    const extended = this.#extended;
    const oldCapacity = this.capacity;
    const capacity = oldCapacity * 2;
    this.sentUs = new Float64Array(capacity);
    this.bytes = new Uint16Array(capacity);
    this.probeCluster = new Uint32Array(capacity);
    this.state = new Uint8Array(capacity);
    this.#extended = new Float64Array(capacity);
    this.#mask = capacity - 1;
    for (let from = 0; from < oldCapacity; from++) {
      const to = extended[from] & this.#mask;
      this.sentUs[to] = sentUs[from];
      this.bytes[to] = bytes[from];
      this.probeCluster[to] = probeCluster[from];
      this.state[to] = state[from];
      this.#extended[to] = extended[from];
    }
  }
}
