/** Packets behind the newest that can still be told from replays (RFC 3711 §3.3.2 asks for 64; libwebrtc uses 1024). */
export const REPLAY_WINDOW_PACKETS = 1024;

const WORDS = REPLAY_WINDOW_PACKETS / 32;

/**
 * The replay list of one stream (RFC 3711 §3.3.2): a bit for each of the last indices. Nothing moves until `accept`, which
 * the caller calls when the packet has been authenticated.
 */
export class ReplayWindow {
  /** Highest index accepted; -1 before the first. Up to 48 bits. */
  highest = -1;
  readonly #bits = new Uint32Array(WORDS);

  /** Whether `index` may be new. */
  check(index: number): "fresh" | "replayed" | "too-old" {
    if (index > this.highest) return "fresh";
    if (index <= this.highest - REPLAY_WINDOW_PACKETS) return "too-old";
    const position = index % REPLAY_WINDOW_PACKETS;
    return (this.#bits[position >>> 5] & (1 << (position & 31))) === 0 ? "fresh" : "replayed";
  }

  /** Marks an index that `check` called fresh. */
  accept(index: number): void {
    if (index > this.highest) {
      this.#forget(index);
      this.highest = index;
    }
    const position = index % REPLAY_WINDOW_PACKETS;
    this.#bits[position >>> 5] |= 1 << (position & 31);
  }

  /** Clears the bits that the new highest index passes over: they stood for indices now too old. */
  #forget(index: number): void {
    if (index - this.highest >= REPLAY_WINDOW_PACKETS) {
      this.#bits.fill(0);
      return;
    }
    for (let skipped = this.highest + 1; skipped < index; skipped++) {
      const position = skipped % REPLAY_WINDOW_PACKETS;
      this.#bits[position >>> 5] &= ~(1 << (position & 31));
    }
    const position = index % REPLAY_WINDOW_PACKETS;
    this.#bits[position >>> 5] &= ~(1 << (position & 31));
  }
}
