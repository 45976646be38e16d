import { readU16, readU32 } from "@cation/rtp/byte-order";

/**
 * Watches what one association sends, as SRTP would protect it: no (ssrc, index) may ever come with other bytes, since with
 * AES-GCM that gives the key away (RFC 7714 §8.4), and the receiver must be able to work out the rollover counter by itself
 * (RFC 3711 §3.3.1).
 */
export class SrtpIndexGuard {
  /** What went wrong; empty in a sound run. */
  readonly violations: string[] = [];
  /** By ssrc: hash of what was sent with each index. */
  readonly #rtp = new Map<number, Map<number, number>>();
  readonly #rtcp = new Set<number>();

  /** An RTP packet goes out with this rollover counter. */
  sentRtp(bytes: Uint8Array, rollover: number): void {
    const ssrc = readU32(bytes, 8);
    const index = rollover * 0x1_0000 + readU16(bytes, 2);
    const hashes = this.#rtp.get(ssrc) ?? new Map<number, number>();
    this.#rtp.set(ssrc, hashes);
    const hash = fnv1a(bytes);
    const before = hashes.get(index);
    if (before !== undefined && before !== hash) this.violations.push(`ssrc ${ssrc}: index ${index} used twice`);
    hashes.set(index, hash);
  }

  /** Numbers of a stream between its first and its last that never went out. */
  gapsOf(ssrc: number): number {
    const hashes = this.#rtp.get(ssrc);
    if (hashes === undefined) return 0;
    let first = Number.POSITIVE_INFINITY;
    let last = -1;
    for (const index of hashes.keys()) {
      first = Math.min(first, index);
      last = Math.max(last, index);
    }
    return last - first + 1 - hashes.size;
  }

  /** An RTCP packet goes out with this SRTCP index. */
  sentRtcp(index: number): void {
    if (this.#rtcp.has(index)) this.violations.push(`SRTCP index used twice: ${index}`);
    this.#rtcp.add(index);
  }
}

/** What a receiver makes of sequence numbers: its own count of rollovers, by the rule of RFC 3711 App. A. */
export class RolloverEstimator {
  #rollover = 0;
  #highest = -1;

  /** The rollover counter that the receiver would decrypt with. */
  estimate(sequenceNumber: number): number {
    if (this.#highest < 0) {
      this.#highest = sequenceNumber;
      return 0;
    }
    const guess = this.#guess(sequenceNumber);
    if (guess === this.#rollover) {
      if (sequenceNumber > this.#highest) this.#highest = sequenceNumber;
    } else if (guess === this.#rollover + 1) {
      this.#rollover = guess;
      this.#highest = sequenceNumber;
    }
    return guess;
  }

  #guess(sequenceNumber: number): number {
    if (this.#highest < 0x8000) {
      return sequenceNumber - this.#highest > 0x8000 ? this.#rollover - 1 : this.#rollover;
    }
    return this.#highest - 0x8000 > sequenceNumber ? this.#rollover + 1 : this.#rollover;
  }
}

function fnv1a(bytes: Uint8Array): number {
  let hash = 0x811c_9dc5;
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i], 0x0100_0193);
  return hash >>> 0;
}
